# SPDX-License-Identifier: Apache-2.0
"""Tokens for MSK with IAM, compared with those of the signer that AWS publishes."""
import base64
import re
import urllib.parse

from peerlib import judge


def make_token(region, access, secret, session, at):
    """The signer's token for these credentials (`session` may be None) at the time `at`, in seconds; and when
    it expires, in milliseconds."""
    made = judge("mskiam_judge.py").ask({"region": region, "access": access, "secret": secret,
                                         "session": session, "at": at})
    return made["token"], made["expires_wall_ms"]


def check_token(token, region, access, secret, session, at):
    """True, or the reason why a token is not as good as the signer's own for the same. The names of programs
    in them may differ, and the order of the parameters, but each has to be there once."""
    wanted, _ = _take_apart(make_token(region, access, secret, session, at)[0])
    try:
        got, last = _take_apart(token)
    except ValueError as why:
        return str(why)
    if not got.get("User-Agent") or last != "User-Agent":
        return "it does not end with a User-Agent, which is not signed"
    for name in {**wanted, **got}:
        if name != "User-Agent" and got.get(name) != wanted.get(name):
            return f"{name} is {got.get(name)!r}, not {wanted.get(name)!r}"
    return True


def _take_apart(token):
    """The URL's parts and parameters by name, and the name of the last parameter."""
    if not re.fullmatch("[A-Za-z0-9_-]+", token):
        raise ValueError("it is not base64url without padding")
    url = urllib.parse.urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    pairs = urllib.parse.parse_qsl(url.query, keep_blank_values=True, strict_parsing=True)
    parts = {"the URL": f"{url.scheme}://{url.netloc}{url.path}", **dict(pairs)}
    if len(parts) != len(pairs) + 1:
        raise ValueError("a parameter is there twice")
    return parts, pairs[-1][0]
