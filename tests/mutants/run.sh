#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Proves that the tests notice: each patch in this folder takes one fix out of the product, or plants one
# classic bug, and names what has to catch it. See README.md for the form of a patch.
#   tests/mutants/run.sh [NAME...]    all of them, or some; prints "ok NAME" and "not ok NAME: why"
# The tree is built once in build/mutants/tree; each mutant gets a copy of it, so that only the patched
# files are compiled. JOBS mutants run at a time.
set -u
self=$(realpath "$0")
cd "$(dirname "$0")/../.." || exit 70
here=tests/mutants
work=$PWD/build/mutants
jobs=${JOBS:-2}
limit_s=180 # a mutant that only the clock would stop is not caught
times=2 # how many of its random runs have to notice: one alone could be luck
export GIT_CEILING_DIRECTORIES=$work # the patches are not meant for the repository around us
unset MAKEFLAGS MAKELEVEL MFLAGS

# The value of a header line of a patch.
header() { sed -n "/^diff\|^---/q; s/^# $2: //p" "$1"; }

# The command of a patch, if it has one, and the random runs, if it names any: one line each.
commands() {
	local seeds
	header "$1" run
	seeds=$(header "$1" seeds)
	[ -z "$seeds" ] || echo "build/release/simulator random --many --all --seeds $seeds"
}

# The programs that a command runs, which are what has to be built for it.
targets() { tr ' ' '\n' <<<"$1" | grep '^build/[a-z]*/' | sort -u; }

# Whether the output of a test says that something else happened than a failed check.
crashed() { [ "$1" -ge 124 ] || grep -qE 'invariant=crash|Sanitizer|endless|must\(' "$2"; }

# try COMMAND LOG TIMES PATTERN: empty if the command fails and what it says has so many lines of that pattern, else why
# it does not count.
try() {
	local command=$1 log=$2 times=$3 caught=$4 rc found
	timeout $limit_s bash -c "$command" >"$log" 2>&1
	rc=$?
	if [ $rc -eq 0 ]; then
		echo "survived: $command"
		return
	elif crashed $rc "$log"; then
		echo "ended by a crash or the clock (status $rc), not by a check"
		return
	fi
	found=$(grep -cE -- "$caught" "$log")
	if [ "$found" -lt "$times" ]; then
		echo "noticed, but not by $caught ($found of $times): $(grep -m1 -E 'FAILED|^not ok|failed' "$log")"
	fi
}

# judge PATCH TREE LOG: empty if the mutant is caught as its patch says, else why not.
judge() {
	local patch=$1 tree=$2 log=$3 run caught seeds invariant why
	run=$(header "$patch" run)
	caught=$(header "$patch" caught-by)
	seeds=$(header "$patch" seeds)
	invariant=$(header "$patch" invariant)
	if [ -z "$(header "$patch" tells)" ] || [ -z "$run$seeds" ] ||
		[ "${run:+1}" != "${caught:+1}" ] || [ "${seeds:+1}" != "${invariant:+1}" ]; then
		echo "its header lacks tells, run and caught-by, or seeds and invariant"
		return
	fi
	cd "$tree" || return
	if ! git apply --check "$patch" 2>"$log"; then
		echo "stale: it does not apply"
		return
	fi
	git apply "$patch"
	# shellcheck disable=SC2046 # one word per target
	if ! nice make -s MODE=release $(targets "$(commands "$patch")") >"$log" 2>&1; then
		echo "it does not compile"
		return
	fi
	if [ -n "$run" ]; then
		why=$(try "$run" "$log" 1 "$caught")
		[ -z "$why" ] || { echo "$why" && return; }
	fi
	[ -z "$seeds" ] || try "$(commands "$patch" | tail -1)" "$log.seeds" "$times" "^FAILED invariant=$invariant "
}

# One mutant, in the tree of its slot.
if [ "${1:-}" = --one ]; then
	patch=$PWD/$2
	name=$(basename "$2" .patch)
	tree=$work/slot$MUTANTS_SLOT
	rm -rf "$tree"
	cp -a "$work/tree" "$tree"
	why=$(judge "$patch" "$tree" "$work/logs/$name.log")
	if [ -z "$why" ]; then
		echo "ok $name"
	else
		echo "not ok $name: $why"
	fi
	rm -rf "$tree"
	exit 0
fi

patches=()
if [ $# -eq 0 ]; then
	patches=("$here"/*.patch)
else
	for name in "$@"; do
		patches+=("$here/$name.patch")
		[ -f "$here/$name.patch" ] || { echo "not ok mutants: there is no $here/$name.patch" && exit 64; }
	done
fi

# The tree as it is, built with everything that the patches run, which has to pass.
rm -rf "$work/logs"
mkdir -p "$work/logs" "$work/tree/build"
find "$work/tree" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$work/tree" || exit 70
# Of random runs the longest, which has all others in it.
runs=$(for patch in "${patches[@]}"; do header "$patch" run; done | sort -u
	for patch in "${patches[@]}"; do commands "$patch" | grep ' random .* --all '; done | sort -t ' ' -k 6n | tail -1)
# shellcheck disable=SC2046
if ! make -s -C "$work/tree" -j"$jobs" MODE=release $(targets "$runs") >"$work/logs/tree.log" 2>&1; then
	tail -20 "$work/logs/tree.log"
	echo "not ok mutants: the tree does not compile"
	exit 1
fi
failed=0
while IFS= read -r run; do
	if ! (cd "$work/tree" && timeout $limit_s bash -c "$run") >"$work/logs/tree.log" 2>&1; then
		tail -20 "$work/logs/tree.log"
		echo "not ok mutants: without any patch, $run fails"
		failed=1
	fi
done <<<"$runs"
[ $failed -eq 0 ] || exit 1
echo "ok mutants: the tree without a patch passes ($(wc -l <<<"$runs") commands, $SECONDS s)"

printf '%s\n' "${patches[@]}" |
	xargs -P "$jobs" -n 1 --process-slot-var=MUTANTS_SLOT "$self" --one | tee "$work/logs/all"
caught=$(grep -c '^ok ' "$work/logs/all")
echo "$caught of ${#patches[@]} mutants caught, $SECONDS s"
[ "$caught" -eq "${#patches[@]}" ]
