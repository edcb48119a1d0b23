#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures what ddbtap costs: `make bench`. README.md beside this file says what each figure means.
set -u
cd "$(dirname "$0")/../.." || exit 70
make -s -j2 all benches || exit 70
rc=0
echo "== the kernel: what one record takes between the network and the disk"
build/release/bench/kernel_bench || rc=1
echo
echo "== instructions per record, against tests/bench/limits"
tests/bench/gate.sh || rc=1
echo
echo "== the whole program, against ddbfake"
/usr/bin/python3 tests/bench/measure.py || rc=1
echo
echo "== the checkpoint table: what four workers with 10,000 idle shards ask of it"
/usr/bin/python3 tests/bench/measure_leases.py || rc=1
echo
echo "== the sinks: a second one beside a first file, against bare loops over the same libraries"
/usr/bin/python3 tests/bench/measure_sinks.py || rc=1
exit $rc
