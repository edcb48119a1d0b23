#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Consumers of different kinds take turns on one application's leases: see kcl_roundtrip.py."""
import sys

from peerlib import run_tests
from kcl_roundtrip import roundtrip

# With how many records may come again: those of a batch that a kill left without checkpoint, and on a machine that
# stands still for seconds those of a batch whose lease expired.
TURNS = [(("kcl1", "kcl3", "kcl1", "kcl3"), 100), (("kcl3", "kcl1:kill", "kcl3"), 300)]


def trip(turns, most):
    """The test of these turns."""
    def run():
        again = roundtrip(turns)
        assert again <= most, f"{again} came again"
    run.__name__ = "_".join(turns).replace(":", "_")
    return run


if __name__ == "__main__":
    sys.exit(run_tests([trip(*each) for each in TURNS]))
