#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every property test here: each *.py compares one of ours with somebody else's, through the
# *_tool program that it names first. Arguments are handed on: COUNT and SEED where a script has them.
set -u
cd "$(dirname "$0")/../.." || exit 70
rc=0
for script in tests/property/*.py; do
	tool=build/${MODE:-release}/property/$(grep -o '[a-z0-9_]*_tool' "$script" | head -n 1)
	/usr/bin/python3 "$script" "$tool" "$@" || {
		rc=1
		echo "not ok $script (with $tool)"
	}
done
exit $rc
