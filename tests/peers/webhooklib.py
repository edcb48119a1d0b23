# SPDX-License-Identifier: Apache-2.0
"""Other people's receivers of webhooks: do they take what a sender signed?"""
import base64

from peerlib import judge, verdict

# Who verifies, by the name to give to verify(): the judge, and the scheme as it knows it.
RECEIVERS = {f"{scheme}-{language}": (f"webhook_judge.{suffix}", scheme)
             for language, suffix, schemes in (
                 ("npm", "mjs", ("standardwebhooks", "svix", "stripe", "github")),
                 ("py", "py", ("standardwebhooks", "svix", "stripe")))
             for scheme in schemes}


def verify(kind, secret, headers, body):
    """True, or the reason why the receiver `kind` refuses. `kind` is one of RECEIVERS: a scheme and a
    language. Headers by name, in whatever case; the body as the bytes that were received. The receivers
    compare the timestamp, where there is one, with the clock, and all but github's parse the body as JSON."""
    name, scheme = RECEIVERS[kind]
    return verdict(judge(name).ask, {"scheme": scheme, "secret": secret,
                                     "headers": {n.lower(): value for n, value in headers.items()},
                                     "body": base64.b64encode(body).decode()})


def verify_all(scheme, secret, headers, body):
    """True when the receivers of a scheme in all languages take it, or the first one's reason."""
    kinds = [kind for kind in RECEIVERS if kind.rsplit("-", 1)[0] == scheme]
    assert kinds, scheme
    refusals = [said for said in (verify(kind, secret, headers, body) for kind in kinds) if said is not True]
    return refusals[0] if refusals else True
