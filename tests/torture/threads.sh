#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests in which threads meet, under ThreadSanitizer; prints their "ok NAME" lines. Address space
# randomisation is switched off for them, for with a large one the sanitizer does not start.
set -u
cd "$(dirname "$0")/../.." || exit 70
tests=(loop http web web_pool web_address file_sink stdout_sink kafka_sink)
rc=0
programs=("${tests[@]/#/build/tsan/unit/}")
programs=("${programs[@]/%/_test}")
make -s -j2 MODE=tsan DEV=1 "${programs[@]}" >&2 || exit 70
for program in "${programs[@]}"; do
	options=halt_on_error=1
	# librdkafka is not built for the sanitizer: only what we do ourselves is judged.
	[ "${program##*/}" != kafka_sink_test ] || options+=:ignore_noninstrumented_modules=1
	TSAN_OPTIONS=$options setarch "$(uname -m)" -R "$program" | sed 's/$/ (threads)/'
	[ "${PIPESTATUS[0]}" -eq 0 ] || { rc=1; echo "not ok ${program##*/} (threads)"; }
done
exit $rc
