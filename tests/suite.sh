#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For run.sh here and in peers/: runs suites, counts their lines in `passed` and `failed`, keeps their output
# in the folder `logs`, and prints the seconds of each.
# A suite is a command that prints "ok NAME" and "not ok NAME" lines. One that ends badly without saying
# which test failed, or that says nothing at all, counts as a failure: nothing is skipped in silence.
passed=0 failed=0
rm -rf "${logs:?}"
mkdir -p "$logs"

# run NAME COMMAND...: runs one suite, and notes its status and its seconds beside its log.
run() {
	local log="$logs/$1.log" start=$SECONDS rc
	shift
	"$@" >"$log" 2>&1
	rc=$?
	echo "$rc $((SECONDS - start))" >"$log.end"
}

# tell NAME: counts the lines of a suite that has been run, and prints what became of it.
tell() {
	local name=$1 log="$logs/$1.log" rc seconds ok bad
	read -r rc seconds <"$log.end"
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	if [ "$bad" -eq 0 ] && { [ "$rc" -ne 0 ] || [ "$ok" -eq 0 ]; }; then
		bad=1
		echo "not ok $name: exit status $rc after $ok tests" >>"$log"
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
	printf '%-24s %4d passed %3d failed %5d s\n' "$name" "$ok" "$bad" "$seconds"
	if [ "$bad" -gt 0 ]; then
		grep '^not ok ' "$log" | head -20
		echo "--- the end of $log"
		tail -n 40 "$log"
		echo "---"
	fi
}

# suite NAME COMMAND...: runs one suite and counts its lines.
suite() {
	run "$@"
	tell "$1"
}

# together COMMAND NAME...: the same for suites that mostly wait, all at once; the name is COMMAND's argument.
together() {
	local command=$1 name pids=()
	shift
	for name in "$@"; do
		run "$name" "$command" "$name" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for name in "$@"; do
		tell "$name"
	done
}

# summary: the last line; its status is the whole run's.
summary() {
	echo
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
