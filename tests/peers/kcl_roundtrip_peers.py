#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Consumers of different kinds take turns on one application's leases: see kcl_roundtrip.py."""
import os
import random
import sys

from peerlib import run_tests
from foreignlib import Foreign
from kcl_roundtrip import cuts, roundtrip

# With how many records may come again: those of a batch that a kill left without checkpoint, and on a machine that
# stands still for seconds those of a batch whose lease expired.
TURNS = [(("foreign", "foreign"), 0), (("kcl1", "kcl3", "kcl1", "kcl3"), 100),
         (("kcl3", "kcl1:kill", "kcl3"), 300), (("kcl1", "foreign", "kcl3", "foreign"), 100),
         (("ddbtap", "kcl1", "ddbtap:kill", "kcl3", "ddbtap"), 300)]
CUTS = 5  # of each line, at random records
SEVERAL = ("things", "others")


def trip(turns, most, tables=SEVERAL[:1]):
    """The test of these turns."""
    def run():
        again = roundtrip(turns, tables=tables)
        assert again <= most, f"{again} came again"
    run.__name__ = "_".join(turns).replace(":", "_") + (f"_{len(tables)}_tables" if len(tables) > 1 else "")
    return run


def cut(line, after):
    """The test of a KCL that is stopped at one record, and of ddbtap, which goes on, at another one."""
    def run():
        again = cuts(line, "ddbtap", after)
        print(f"# {again} came again")
        assert again <= 100
    run.__name__ = f"{line}_stopped_after_{after[0]}_and_ddbtap_after_{after[1]}"
    return run


def all_cuts():
    """Those at random records; SEED in the environment repeats them."""
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"# SEED={seed}")
    rng = random.Random(seed)
    return [cut(line, (rng.randrange(1, 300), rng.randrange(1, 200))) for line in ("kcl1", "kcl3") for _ in range(CUTS)]


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
    sys.exit(run_tests([*MISDEEDS, *(trip(*each) for each in TURNS), *all_cuts(),
                        trip(("kcl3", "ddbtap", "kcl3", "ddbtap"), 100, SEVERAL)]))
