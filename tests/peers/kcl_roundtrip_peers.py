#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Consumers of different kinds take turns on one application's leases: see kcl_roundtrip.py."""
import sys

from peerlib import run_tests
from foreignlib import Foreign
from kcl_roundtrip import roundtrip

# With how many records may come again: those of a batch that a kill left without checkpoint, and on a machine that
# stands still for seconds those of a batch whose lease expired.
TURNS = [(("foreign", "foreign"), 0), (("kcl1", "kcl3", "kcl1", "kcl3"), 100),
         (("kcl3", "kcl1:kill", "kcl3"), 300), (("kcl1", "foreign", "kcl3", "foreign"), 100)]


def trip(turns, most):
    """The test of these turns."""
    def run():
        again = roundtrip(turns)
        assert again <= most, f"{again} came again"
    run.__name__ = "_".join(turns).replace(":", "_")
    return run


def caught(misdeed, words):
    """The test that a worker with this misdeed is caught, for the reason that fits."""
    def run():
        try:
            roundtrip(("foreign", "foreign"), {"foreign": lambda w: Foreign(w, misdeed)}, seconds=5)
        except AssertionError as why:
            assert words in str(why), why
        else:
            raise AssertionError("not caught")
    run.__name__ = f"one_that_{misdeed}_is_caught"
    return run


MISDEEDS = [caught("skips", "waited"), caught("hurries", "before"), caught("forgets", "waited")]

if __name__ == "__main__":
    sys.exit(run_tests([*MISDEEDS, *(trip(*each) for each in TURNS)]))
