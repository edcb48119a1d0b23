#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lets every system call of the file sink go wrong once, in every way; prints "ok NAME" lines.
set -u
cd "$(dirname "$0")/../.." || exit 70
make -s -j2 MODE=release DEV=1 build/release/torture/file_torture >&2 || exit 70
exec build/release/torture/file_torture
