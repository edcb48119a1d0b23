#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trail.sh NAME: the steps that led to an error, after run.sh, one a line: the line of the model and the condition of the step
# that was taken; at the end every variable that is not 0.
set -eu
cd "$(dirname "$0")/../../build/spin/$1"
read -r model defines <settings
# shellcheck disable=SC2086 # words
spin $defines -t -p -k "$model.pml.trail" "../../../tests/spin/$model.pml" 2>/dev/null >trail.txt
sed -n 's/.*\.pml:\([0-9]*\) (state [0-9]*)[[:space:]]*\[(\(.*\))\]$/line \1: \2/p' trail.txt
sed -n '/#processes/,$s/^[[:space:]]*\(.* = [1-9].*\)/\1/p' trail.txt
