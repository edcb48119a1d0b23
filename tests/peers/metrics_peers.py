#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The page /metrics: Prometheus's own linter, promtool, has nothing to say about it, and notices what is wrong."""
import os
import subprocess
import sys

from peerlib import run_tests

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden", "metrics", "page.txt")


def read_page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def check(text):
    """True, or what promtool says."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=60,
                          check=False)
    return True if done.returncode == 0 and not done.stderr else f"{done.returncode}: {done.stderr}"


def promtool_has_nothing_to_say():
    """Of the page that metrics_test holds every figure to."""
    assert check(read_page()) is True, check(read_page())


def promtool_notices_what_is_wrong():
    page = read_page()
    for old, new, said in (
            ("# HELP ddbtap_leases_owned ", "# ddbtap_leases_owned ", "no help text"),
            ("ddbtap_table_polls_total", "ddbtap_table_polls", 'should have "_total" suffix'),
            ("ddbtap_table_lag_seconds", "ddbtap_table_lag_milliseconds", "base unit"),
            ('table="users"', 'table="us"ers"', "parsing")):
        assert old in page
        answer = check(page.replace(old, new))
        assert answer is not True and said in answer, (old, answer)


if __name__ == "__main__":
    sys.exit(run_tests([promtool_has_nothing_to_say, promtool_notices_what_is_wrong]))
