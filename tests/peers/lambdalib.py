# SPDX-License-Identifier: Apache-2.0
"""AWS Powertools, which many Lambda functions read their events with: do they take ours?"""
import base64

from peerlib import judge, verdict

JUDGES = {"npm": "lambda_judge.mjs", "py": "lambda_judge.py"}


def start_judges():
    """Starts what the functions below ask. For those who ask from other threads: it ends with this one."""
    for name in JUDGES.values():
        judge(name)


def check_lambda(event, languages=tuple(JUDGES)):
    """True, or the reason why a Powertools parser refuses an event, which is bytes of JSON: {"Records": ...}.
    npm's is the stricter one; it also takes the attribute values apart."""
    for language in languages:
        said = verdict(judge(JUDGES[language]).ask, {"event": _text(event)})
        if said is not True:
            return said
    return True


def batch_response(event, failing):
    """What a function with the batch processor of Powertools answers when handling the records with these
    sequence numbers fails: {"batchItemFailures": [{"itemIdentifier": sequence number}, ...]}."""
    return judge(JUDGES["py"]).ask({"event": _text(event), "failing": list(failing)})


def _text(event):
    return base64.b64encode(event).decode()
