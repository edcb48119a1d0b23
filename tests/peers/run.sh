#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the suites against other people's software, and ends with "N passed, N failed".
#   tests/peers/run.sh            every *_peers.py here
#   tests/peers/run.sh NAME...    only these: `kafka` for kafka_peers.py
set -u
cd "$(dirname "$0")/../.." || exit 70
logs=build/peers-logs
. tests/suite.sh

# install: what the suites need; a missing part is a failed test.
install() { tests/peers/install.sh && echo "ok install"; }

[ $# -gt 0 ] || mapfile -t names < <(cd tests/peers && ls -- *_peers.py)
suite install install
if [ "$failed" -eq 0 ]; then
	for name in "${@:-${names[@]}}"; do
		name=${name%_peers.py}
		suite "$name" "tests/peers/${name}_peers.py"
	done
fi
summary
