#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The stories of stories.py, told to ourselves: all clean. And that they are worth telling: a plain loop fails in them,
in the way that each was made for."""
import sys

from peerlib import run_tests
from stories import OURS, STORIES, Row

# What must be found of the loops.
CAUGHT = [("records with the end", "boto3 first page", "lost"), ("child and parent", "boto3 loop", "out of order"),
          ("child and parent", "boto3 loop", "before parent"), ("trimmed while away", "boto3 loop", "lost"),
          ("slow receiver", "boto3 loop", "lost"), ("decimal keys", "boto3 loop", "altered"),
          ("250 shards", "boto3 first page", "lost")]


def named(name, test, *args):
    """The test of that name."""
    def run():
        test(*args)
    run.__name__ = name.replace(" ", "_")
    return run


def is_clean(story):
    row = Row(story, OURS)
    row.play()
    assert row.clean(), row.text()


def is_caught(story, consumer, kinds):
    row = Row(story, consumer)
    row.play()
    assert not row.clean() and all(row.counts()[kind] for kind in kinds), row.text()


def tests():
    for story in STORIES:
        yield named(f"clean {story}", is_clean, story)
        for consumer in sorted({each[1] for each in CAUGHT if each[0] == story}):
            kinds = [kind for *where, kind in CAUGHT if where == [story, consumer]]
            yield named(f"caught {story}", is_caught, story, consumer, kinds)


if __name__ == "__main__":
    sys.exit(run_tests(tests()))
