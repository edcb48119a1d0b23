#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks the models of the protocol with Spin: prints "ok NAME" or "not ok NAME: why" for each line of `runs`,
# then "N passed, N failed".
#   tests/spin/run.sh [all|quick|NAME...]
#   T=seconds   a model may take, 1800 by default; MEM=MiB it may use, 4096 by default
# A search that did not see all states proves nothing and fails. Logs and trails are in build/spin/NAME;
# `trail.sh NAME` tells a trail's story.
set -u
cd "$(dirname "$0")/../.." || exit 70
here=$PWD/tests/spin
passed=0 failed=0

# end_of LOG STATUS: how a search ended, in a word of `runs`; or why it proves nothing.
end_of() {
	local log=$1 status=$2
	if grep -q '^pan:1: assertion violated' "$log"; then
		echo assertion
	elif grep -q '^pan:1: invalid end state' "$log"; then
		echo stuck
	elif grep -qE '^pan:1: (non-accept|acceptance) cycle' "$log"; then
		echo cycle
	elif [ "$status" -eq 124 ]; then
		echo "took longer than ${T:-1800} s"
	elif grep -q 'reached -DMEMLIM bound\|out of memory' "$log"; then
		echo "took more than ${MEM:-4096} MiB"
	elif grep -q 'max search depth too small' "$log"; then
		echo "went too deep"
	elif [ "$status" -ne 0 ] || ! grep -q 'errors: 0$' "$log" || grep -q 'Search not completed' "$log"; then
		echo "ended with status $status"
	else
		echo holds
	fi
}

# search MODEL KIND DEFINES...: searches one model in the present folder; prints how that ended.
search() {
	local model=$1 kind=$2 flags options='' status=0
	shift 2
	case $kind in
	deep) flags='-DSAFETY -DCOLLAPSE' ;;
	short) flags='-DSAFETY -DBFS' ;;
	fair) flags='-DNFAIR=4' options='-a -f' ;;
	*) echo "no search is called $kind" && return ;;
	esac
	spin -a "$@" "$here/$model.pml" >spin.log 2>&1 || { echo "is not for Spin"; return; }
	# shellcheck disable=SC2086 # words
	gcc -O2 -w "-DMEMLIM=${MEM:-4096}" $flags -o pan pan.c 2>gcc.log || { echo "does not compile"; return; }
	# shellcheck disable=SC2086 # words
	timeout "${T:-1800}" ./pan -m4000000 -w"$bits" $options >pan.log 2>&1 || status=$?
	end_of pan.log "$status"
}

# try NAME MODEL VERDICT SEARCH SIZE DEFINES...: checks one line of `runs`.
try() {
	local name=$1 model=$2 verdict=$3 kind=$4 start=$SECONDS end states
	local bits=26
	[ "$5" != quick ] || bits=22
	shift 5
	rm -rf "$here/../../build/spin/$name"
	mkdir -p "$here/../../build/spin/$name"
	cd "$here/../../build/spin/$name" || exit 70
	echo "$model $*" >settings
	end=$(search "$model" "$kind" "$@")
	states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log 2>/dev/null | head -1)
	if [ "$end" = "$verdict" ]; then
		echo "ok $name: $verdict, ${states:-no} states, $((SECONDS - start)) s"
		passed=$((passed + 1))
	else
		echo "not ok $name: $verdict is right, but it $end"
		failed=$((failed + 1))
	fi
	rm -f pan pan.[bchmpt]
}

# wanted NAME SIZE WORDS...: whether the words of the command line ask for this one.
wanted() {
	local name=$1 size=$2 word
	shift 2
	for word in "$@"; do
		case $word in "$name" | "$size" | all) return 0 ;; esac
	done
	return 1
}

[ $# -gt 0 ] || set -- all
for word in "$@"; do
	[ "$word" = all ] || [ "$word" = quick ] || grep -q "^$word " tests/spin/runs || {
		echo "usage: $0 [all|quick|NAME...]; there is no '$word' in tests/spin/runs" >&2
		exit 64
	}
done
command -v spin >/dev/null || { echo "not ok spin: it is not installed"; exit 1; }
while read -r -a line; do
	case ${line[0]:-#} in '#'*) continue ;; esac
	wanted "${line[0]}" "${line[4]}" "$@" || continue
	try "${line[@]}"
done <tests/spin/runs
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
