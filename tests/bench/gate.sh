#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Instructions per record of each kernel stage against tests/bench/limits: more than 5 % above is a failure.
# Counting needs no quiet machine. Prints "ok NAME" and "not ok NAME" lines.
#   tests/bench/gate.sh            compares
#   tests/bench/gate.sh --print    prints what belongs into limits
set -u
cd "$(dirname "$0")/../.." || exit 70
program=build/release/bench/kernel_bench
limits=tests/bench/limits
tmp=$(mktemp -d) || exit 70
trap 'rm -rf "$tmp"' EXIT

# instructions STAGE KIND ROUNDS: how many the whole process takes.
instructions() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1 >"$tmp/records" |
		sed -n 's/^==[0-9]*== Collected : \([0-9]*\)$/\1/p'
}

# per_record STAGE KIND: what three rounds take more than one, so that the start does not count.
per_record() {
	local few many
	few=$(instructions "$1" "$2" 1)
	many=$(instructions "$1" "$2" 3)
	echo $(((many - few) / 2 / $(cat "$tmp/records")))
}

if [ "${1:-}" = --print ]; then
	echo "# Instructions per record, release build of gcc 12: stage, corpus, limit. See gate.sh."
	while read -r stage kind; do
		echo "$stage $kind $(per_record "$stage" "$kind")"
	done < <("$program" --list)
	exit 0
fi

rc=0
while read -r stage kind; do
	limit=$(awk -v s="$stage" -v k="$kind" '$1 == s && $2 == k { print $3 }' "$limits")
	got=$(per_record "$stage" "$kind")
	name="instructions_${stage}_$kind"
	if [ -z "$limit" ]; then
		echo "not ok $name: no limit in $limits"
		rc=1
	elif [ "$got" -gt $((limit + limit / 20)) ]; then
		echo "not ok $name: $got per record, the limit is $limit and 5 %"
		rc=1
	else
		echo "ok $name"
		echo "# $stage $kind: $got instructions per record, limit $limit and 5 %"
	fi
done < <("$program" --list)
exit $rc
