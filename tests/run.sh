#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the test suites, prints the seconds of each, and ends with "N passed, N failed".
#   tests/run.sh fast    unit tests and scenarios
#   tests/run.sh all     everything that a release needs
#   tests/run.sh soak    what takes long, or measures times: a storm of five minutes, failover
# suite.sh says what a suite is.
set -u
cd "$(dirname "$0")/.." || exit 70
what=${1:-all}
logs=build/test-logs
py=/usr/bin/python3
. tests/suite.sh
export DDBTAP_CALLS=$PWD/$logs/calls # what ddbtap called of ddbfake, for the suite `policy`
export DDBTAP_TEST=1 # the demo is a test here: it prints result lines too

# build LABEL MAKE-ARGUMENTS...: builds quietly; a failure is a failed test.
build() {
	local label=$1 log="$logs/build-$1.log" start=$SECONDS
	shift
	if make -j2 DEV=1 "$@" >"$log" 2>&1; then
		printf '%-24s %28d s\n' "build $label" $((SECONDS - start))
	else
		failed=$((failed + 1))
		echo "not ok build $label"
		grep -E 'error|Error' "$log" | head -20
	fi
}

# all_of PATTERN ARGUMENTS...: runs every program that matches, one after the other.
all_of() {
	local pattern=$1 rc=0 program
	shift
	for program in $pattern; do
		"$program" "$@" || { rc=1; echo "# $program ended with status $?"; }
	done
	return $rc
}

unit() { all_of 'build/asan/unit/*_test'; }
scenarios() { build/release/simulator scenario tests/scenarios/*.scn; }

# e2e NAME: one of the end-to-end tests.
e2e() { $py "tests/e2e/$1.py"; }

# simulation SEEDS ARGUMENTS...: random runs; the simulator uses all cores.
simulation() { build/release/simulator random --seeds "$@"; }

if [ "$what" = soak ]; then
	build release all
	suite storm $py tests/e2e/storm.py --seconds 300
	suite failover $py tests/e2e/failover.py
	grep -h '^#' "$logs/storm.log" "$logs/failover.log"
	summary
	exit
fi
build asan MODE=asan unit
build release all simulator property benches
suite unit unit
suite scenarios scenarios
if [ "$what" = all ]; then
	suite property tests/property/run.sh
	suite selftest build/release/simulator selftest
	suite simulator simulation 600
	suite eight-sinks simulation 2000 --eight
	suite many-workers simulation 1500 --many
	suite ddbfake $py tests/e2e/ddbfake.py ./ddbfake
	suite models tests/spin/run.sh quick
	suite verify $py tests/e2e/verify.py selftest
	suite config tests/e2e/config.sh
	suite cost e2e cost
	together e2e kills bad_input starts supervised mishaps ready
	together e2e registry webhooks leases reads_all handover
	together e2e kcl rolling shards letters emulators files
	suite storm e2e storm
	suite policy e2e policy
	suite image deploy/check-image.sh
	suite demo tests/e2e/demo.sh
	suite gate tests/bench/gate.sh
	suite torture tests/torture/run.sh
	suite threads tests/torture/threads.sh
	suite fuzz tests/fuzz/run.sh "${T:-8}"
fi
summary
