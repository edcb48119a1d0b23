#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Replays every fuzzer's corpus without the fuzzer, then runs each fuzzer for some seconds, two at a time.
#   tests/fuzz/run.sh [SECONDS]
set -u
cd "$(dirname "$0")/../.." || exit 70
seconds=${1:-20}
out=build/fuzz-out
bad=0
mkdir -p "$out"

if ! { make -j2 DEV=1 MODE=fuzz fuzzers && make -j2 DEV=1 MODE=asan replays; } \
	>"$out/build.log" 2>&1; then
	tail -20 "$out/build.log"
	echo "not ok fuzzers build"
	exit 1
fi

result() {
	if [ "$1" -eq 0 ]; then
		echo "ok $2"
	else
		echo "not ok $2"
		tail -n 30 "$3"
		bad=1
	fi
}

# One fuzzer, starting from its corpus; what it finds new stays out of the tree.
fuzz() {
	local name=$1 log="$out/$1.log"
	local found="$out/found-$1"
	mkdir -p "$found"
	build/fuzz/fuzz/"${name}_fuzz" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$out/" ${2:+"$2"} "$found" \
		"tests/fuzz/corpus/$name" >"$log" 2>&1
}

names=()
for source in tests/fuzz/*_fuzz.c; do
	name=$(basename "$source" _fuzz.c)
	names+=("$name")
	build/asan/replay/"${name}_fuzz" "tests/fuzz/corpus/$name" >"$out/replay-$name.log" 2>&1
	result $? "fuzz replay $name" "$out/replay-$name.log"
done
for ((i = 0; i < ${#names[@]}; i += 2)); do
	pids=()
	for name in "${names[@]:i:2}"; do
		dict=
		[ -e "tests/fuzz/$name.dict" ] && dict="-dict=tests/fuzz/$name.dict"
		fuzz "$name" "$dict" &
		pids+=($!)
	done
	for k in "${!pids[@]}"; do
		name=${names[i + k]}
		wait "${pids[k]}"
		result $? "fuzz $name ${seconds} s, $(grep -oE 'number_of_executed_units: *[0-9]+' \
			"$out/$name.log" | grep -oE '[0-9]+') runs" "$out/$name.log"
	done
done
exit $bad
