#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The receivers of webhooks take what is signed as their documents say, and refuse what is not."""
import base64
import hashlib
import hmac
import re
import sys
import time

from peerlib import run_tests
from webhooklib import RECEIVERS, verify, verify_all

KEY = b"0123456789abcdef0123456789abcdef"
BODY = '{"a":"é\u2028","n":1}'.encode()
OLD = 400  # seconds; all of them allow 300
MISMATCH = "no matching signature|no signatures found matching|signature does not match"
WORDS = {"body": MISMATCH, "secret": MISMATCH, "signature": MISMATCH, "timestamp": "too old|tolerance"}


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256)


def standard(key, body, at, prefix="webhook"):
    """Standard Webhooks: over id, time and body; the key is what follows whsec_, decoded."""
    signed = mac(key, b"msg_1.%d." % at + body).digest()
    return {prefix + "-id": "msg_1", prefix + "-timestamp": str(at),
            prefix + "-signature": "v1,bm90IHRoaXMgb25l v1," + base64.b64encode(signed).decode()}


def svix(key, body, at):
    return standard(key, body, at, "svix")


def stripe(key, body, at):
    return {"Stripe-Signature": f"t={at},v1={'0' * 64},v1={mac(key, b'%d.' % at + body).hexdigest()}"}


def github(key, body, _at):
    return {"X-Hub-Signature-256": "sha256=" + mac(key, body).hexdigest()}


def standard_secret(key):
    return "whsec_" + base64.b64encode(key).decode()


SCHEMES = {"standardwebhooks": (standard, standard_secret), "svix": (svix, standard_secret),
           "stripe": (stripe, bytes.decode), "github": (github, bytes.decode)}


def takes_and_refuses(kind):
    """One receiver: the good one, then each planted fault, with the words by which it complains."""
    scheme = kind.rsplit("-", 1)[0]
    sign, secret_of = SCHEMES[scheme]
    secret, now = secret_of(KEY), int(time.time())
    good = sign(KEY, BODY, now)
    assert verify(kind, secret, good, BODY) is True, verify(kind, secret, good, BODY)
    array = b"[" + BODY + b"]"
    said = verify(kind, secret, sign(KEY, array, now), array)
    assert said is True, said
    faults = {"body": (secret, good, BODY + b" "), "secret": (secret_of(KEY[::-1]), good, BODY),
              "signature": (secret, sign(KEY[::-1], BODY, now), BODY)}
    if scheme != "github":
        faults["timestamp"] = secret, sign(KEY, BODY, now - OLD), BODY
    for name in good:
        faults["without " + name] = secret, {n: v for n, v in good.items() if n != name}, BODY
    for fault, (with_secret, headers, body) in faults.items():
        said = verify(kind, with_secret, headers, body)
        print(f"# {fault}: {said}")
        assert said is not True and re.search(WORDS.get(fault, "required|value was provided"), said,
                                              re.IGNORECASE), f"{fault}: {said}"


def all_at_once():
    """verify_all() is true only when all receivers of the scheme are content."""
    now = int(time.time())
    for scheme, (sign, secret_of) in SCHEMES.items():
        assert verify_all(scheme, secret_of(KEY), sign(KEY, BODY, now), BODY) is True
        said = verify_all(scheme, secret_of(KEY), sign(KEY, BODY, now), BODY + b" ")
        assert isinstance(said, str), said


def tests():
    for kind in RECEIVERS:
        def test(kind=kind):
            takes_and_refuses(kind)
        test.__name__ = kind
        yield test
    yield all_at_once


if __name__ == "__main__":
    sys.exit(run_tests(tests()))
