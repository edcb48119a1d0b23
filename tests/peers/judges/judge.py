# SPDX-License-Identifier: Apache-2.0
"""The part that all judges in Python share: questions in, answers out, as ../peerlib.py has them."""
import contextlib
import json
import sys
import traceback


class Refusal(Exception):
    """Somebody else's library refused what it was given."""


@contextlib.contextmanager
def refusable():
    """Around the call of a library: what it raises is its refusal."""
    try:
        yield
    except Exception as error:  # each library has its own
        raise Refusal(" ".join(f"{type(error).__name__}: {error}".split())[:500]) from error


def serve(answer):
    """Answers questions until the input ends. What `answer` raises otherwise is an error of the test."""
    answers, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not answer
    for line in sys.stdin:
        try:
            said = {"value": answer(**json.loads(line))}
        except Refusal as refusal:
            said = {"refused": str(refusal)}
        except Exception:  # whatever it is, the test must hear of it
            said = {"error": traceback.format_exc()}
        print(json.dumps(said), file=answers, flush=True)
