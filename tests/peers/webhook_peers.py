#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the webhook sink posts: other people's receivers verify it, and it behaves as a good sender does."""
import base64
import collections
import email.utils
import os
import signal
import subprocess
import sys
import time
import urllib.parse

from hooklib import Hook, World, events_of, tls_context
from nativeline import Native, differences
from peerlib import TOP, run_tests, wait_for
from webhooklib import verify_all

SCHEMES = {"standard": ("standardwebhooks", "svix"), "github": ("github",), "stripe": ("stripe",)}
KEYS = [bytes(range(start, start + 32)) for start in (1, 101, 201)]
SECRETS = {"standard": ["whsec_" + base64.b64encode(key).decode() for key in KEYS],
           "github": ["one secret", "ein anderes Geheimnis: ü", "third"],
           "stripe": ["whsec_one", "whsec_two", "whsec_three"]}
NATIVE = Native(tables={})


def check_native(world, requests):
    """Each write came once, as it should look, those of an item in their order."""
    events = [event for request in requests for event in events_of(request.body)]
    writes = {write["id"]: write for write in world.fake.writes() if write["table"] == world.table}
    assert sorted(event["id"] for event in events) == sorted(writes)
    for event in events:
        wrong = differences(event, writes[event["id"]], NATIVE)
        assert not wrong, f"{wrong}: {event}"
    by_key = collections.defaultdict(list)
    for event in events:
        by_key[event["key"]["pk"]].append(int(event["seq"]))
    assert all(sequence == sorted(sequence) for sequence in by_key.values())


def count(requests):
    """How many events are in requests."""
    return sum(len(events_of(request.body)) for request in requests)


def verifies(style, secret, request):
    """True, or why one of the style's receivers refuses."""
    said = [verify_all(scheme, secret, request.headers, request.body) for scheme in SCHEMES[style]]
    return next((why for why in said if why is not True), True)


def signatures():
    """All receivers take all requests, batches and lone records, and would notice another body."""
    with World("webhook_signatures") as world, Hook() as hook:
        world.things(30)
        for style, secrets in SECRETS.items():
            secret_file = world.secret(style, secrets[0])
            for batch in 100, 1:
                hook.requests.clear()
                world.deliver(hook.url, signature=style, secret_file=secret_file, batch_records=batch)
                requests = hook.got()
                check_native(world, requests)
                assert len(requests) == 30 if batch == 1 else len(requests) < 10, len(requests)
                for request in requests:
                    assert request.body.startswith(b"{" if batch == 1 else b"["), request.body
                    assert request.headers["content-type"].startswith("application/json")
                    said = verifies(style, secrets[0], request)
                    assert said is True, f"{style}: {said}"
                altered = requests[0]._replace(body=requests[0].body.replace(b"insert", b"insort"))
                assert altered.body != requests[0].body
                for bad, secret in (altered, secrets[0]), (requests[0], secrets[1]):
                    said = verifies(style, secret, bad)
                    assert said is not True and "match" in said, said
        assert not hook.errors


def rotation():
    """While a secret is changed, receivers with either one are content; GitHub's way knows one alone."""
    with World("webhook_rotation") as world, Hook() as hook:
        world.things(10)
        for style in "standard", "stripe":
            hook.requests.clear()
            secrets = SECRETS[style]
            world.deliver(hook.url, signature=style, secret_file=world.secret(style, *secrets[:2]))
            for request in hook.got():
                assert [verifies(style, secret, request) is True for secret in secrets] == [
                    True, True, False], request.headers
        # Without a restart, too: the file has another secret, and a signal says so.
        secrets = SECRETS["standard"]
        hook.requests.clear()
        with world.tap(hook.url, signature="standard", secret_file=world.secret("turn", secrets[0])) as tap:
            assert verifies("standard", secrets[0], hook.got()[-1]) is True
            world.secret("turn", secrets[2])
            tap.signal(signal.SIGHUP)

            def turned():
                n = len(hook.requests)
                world.things(1, start=n)
                return verifies("standard", secrets[2], hook.got(n + 1)[-1]) is True
            wait_for(turned)
        secret_file = world.secret("github", *SECRETS["github"][:2])
        with world.tap(hook.url, "--until-caught-up", signature="github", secret_file=secret_file,
                       name="two") as tap:
            assert tap.wait() == 78, tap.said()
            assert "too many secrets: at most 1 of this style" in tap.said(), tap.said()


def retries():
    """A request that is sent again has its id and body, a signature of that moment, and came when it was told to."""
    identities = {"standard": "webhook-id", "github": "x-github-delivery", "stripe": "idempotency-key"}
    signatures = {"standard": {"webhook-timestamp", "webhook-signature"}, "github": set(),
                  "stripe": {"stripe-signature"}}
    for style, identity in identities.items():
        pauses = [2, "date"] if style == "standard" else [1]

        def answer(_, pauses=pauses):
            if not pauses:
                return 204
            pause = pauses.pop(0)
            if pause == "date":  # which has no fractions of seconds
                return 429, {"Retry-After": email.utils.formatdate(time.time() + 3, usegmt=True)}, b""
            return 503, {"Retry-After": str(pause)}, b""

        least = [2 if pause == "date" else pause for pause in pauses]
        with World(f"webhook_retries_{style}") as world, Hook(answer) as hook:
            world.things(8)
            world.deliver(hook.url, signature=style, secret_file=world.secret("one", SECRETS[style][0]), lanes=1)
            requests = hook.got()
            check_native(world, requests[-1:])
            assert len(requests) == len(least) + 1 and requests[0].headers[identity]
            for before, after, seconds in zip(requests, requests[1:], least):
                assert before.body == after.body and before.headers.keys() == after.headers.keys()
                differing = {name for name, value in before.headers.items() if after.headers[name] != value}
                assert differing == signatures[style], differing
                waited = after.at - before.at
                print(f"# {style}: waited {waited:.2f} s")
                assert seconds - 0.01 < waited < seconds + 5, waited
            for request in requests:
                assert verifies(style, SECRETS[style][0], request) is True


def restart():
    """After a kill the same records have the same id and bytes, so that a receiver can tell."""
    here = [500]
    with World("webhook_restart") as world, Hook(lambda request: here[0]) as hook:
        world.things(40)
        how = {"signature": "standard", "secret_file": world.secret("one", SECRETS["standard"][0]), "name": "again"}
        with world.tap(hook.url, **how) as tap:
            hook.got()
            tap.kill()
        before = hook.got()
        here[0] = 204
        world.deliver(hook.url, **how)
        after = {request.headers["webhook-id"]: request.body for request in hook.taken()}
        check_native(world, hook.taken())
        assert len(after) == len(hook.taken())
        for request in before:
            assert after[request.headers["webhook-id"]] == request.body


def fails(world, url, *words, **hook):
    """ddbtap tries, for some reason in vain, and says so."""
    with world.tap(url, **hook) as tap:
        wait_for(lambda: "sink.trouble" in tap.said() or tap.process.poll() is not None)
        said = tap.said()
    why = [line for line in said.splitlines() if "error=" in line or line.startswith("ddbtap: ")]
    print("# " + why[0].split("error=")[-1])
    for word in words:
        assert word in said, f"no {word!r} in\n{said}"


def mutual_tls():
    """A receiver that wants a certificate gets ours; one that is not whom we want gets nothing."""
    with World("webhook_tls") as world:
        subprocess.run([os.path.join(TOP, "tests", "unit", "make_certs.sh"), world.folder], check=True)
        pem = {name: os.path.join(world.folder, name)
               for name in ("ca.pem", "client.pem", "client.key", "locked.key", "stranger.pem", "key.pem")}
        world.things(5)
        ours = {"ca_file": pem["ca.pem"], "client_cert": pem["client.pem"]}
        with Hook(tls=tls_context(world.folder, client_ca=pem["ca.pem"])) as hook:
            password = {"client_key_password_file": world.secret("password", "open sesame")}
            for key, more in ("client.key", {}), ("locked.key", password):
                hook.requests.clear()
                world.deliver(hook.url, client_key=pem[key], **ours, **more)
                check_native(world, hook.got())
                assert {request.peer for request in hook.requests} == {"tap"}
            n = len(hook.requests)
            fails(world, hook.url, "certificate", name="none", ca_file=pem["ca.pem"])
            fails(world, hook.url, "certificate", name="stranger", ca_file=pem["ca.pem"],
                  client_cert=pem["stranger.pem"], client_key=pem["key.pem"])
            fails(world, hook.url, "password", name="wrong", client_key=pem["locked.key"],
                  client_key_password_file=world.secret("wrong", "open barley"), **ours)
            fails(world, hook.url, "its certificate is of an authority", name="ca", client_cert=pem["client.pem"],
                  client_key=pem["client.key"])
            assert len(hook.requests) == n and len(hook.refused) >= 3, hook.refused
        for kind, words in ("other", "target host name"), ("expired", "its certificate has expired"):
            with Hook(tls=tls_context(world.folder, kind)) as hook:
                fails(world, hook.url, words, name=kind, ca_file=pem["ca.pem"])
                assert not hook.requests


def bearer():
    """The token is there; after a denial the file is read again."""
    good = ["first~token"]

    def answer(request):
        return 204 if request.headers.get("authorization") == "Bearer " + good[0] else 401

    with World("webhook_bearer") as world, Hook(answer) as hook:
        world.things(5)
        token_file = world.secret("token", "first~token")
        with world.tap(hook.url, token_file=token_file, lanes=1) as tap:
            check_native(world, hook.got())
            good[0] = "second"
            world.secret("token", "second")
            world.things(1, start=50)
            wait_for(lambda: len(hook.taken()) == 2)
            assert [request.status for request in hook.got()] == [204, 401, 204]
            assert tap.process.poll() is None
            check_native(world, hook.taken())
        assert "token" not in tap.said().replace("token_file", ""), tap.said()


def oauth():
    """Tokens are fetched as RFC 6749 has it, used until they expire or are refused, and then fetched anew."""
    client, secret = "tap:é", "p%s +&=ü"
    fetched = []

    def give(request):
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        if "authorization" in request.headers:
            scheme, _, pair = request.headers["authorization"].partition(" ")
            assert scheme == "Basic"
            who = tuple(map(urllib.parse.unquote_plus, base64.b64decode(pair, validate=True).decode().split(":")))
        else:
            who = form.pop("client_id"), form.pop("client_secret")
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert form == {"grant_type": "client_credentials", "scope": "hooks:write a/b"}, form
        if who != (client, secret):
            return 401, {"Content-Type": "application/json"}, b'{"error":"invalid_client"}'
        fetched.append(f"tok-{len(fetched)}.~+/=")
        answer = f'{{"access_token":"{fetched[-1]}","token_type":"bearer","expires_in":3600}}'
        return 200, {"Content-Type": "application/json", "Cache-Control": "no-store"}, answer.encode()

    def answer(request):
        return 204 if fetched and request.headers.get("authorization") == "Bearer " + fetched[-1] else 401

    for style in "header", "body":
        with World(f"webhook_oauth_{style}") as world, Hook(give) as tokens, Hook(answer) as hook:
            world.things(20)
            how = {"oauth_token_url": tokens.url, "oauth_client_id": client, "oauth_scope": "hooks:write a/b",
                   "oauth_client_secret_file": world.secret("secret", secret), "oauth_style": style}
            with world.tap(hook.url, **how) as tap:
                wait_for(lambda: count(hook.taken()) == 20)
                check_native(world, hook.taken())
                assert len(tokens.got()) == 1
                assert ("authorization" in tokens.requests[0].headers) == (style == "header")
                # The receiver forgets the token: another is fetched, and nobody has to act.
                fetched.append("none that anybody got")
                world.things(1, start=50)
                wait_for(lambda: count(hook.taken()) == 21)
                assert len(tokens.got()) == 2 and tap.process.poll() is None
                assert secret not in tap.said() and "tok-" not in tap.said()
            hook.requests.clear()
            how["oauth_client_secret_file"] = world.secret("secret", "another")
            fails(world, hook.url, "the token server answered 401, invalid_client", name="bad", **how)
            assert not hook.requests and not tokens.errors and not hook.errors, (tokens.errors, hook.errors)


def redirects():
    """A redirect is followed to nowhere, and the log says what to do."""
    with World("webhook_redirects") as world, Hook() as other:
        world.things(3)
        for status in 301, 302, 303, 307, 308:
            with Hook(lambda request, status=status: (status, {"Location": other.url}, b"")) as hook:
                fails(world, hook.url, f"answered {status}, and redirects are never followed: set url",
                      name=f"r{status}")
                assert hook.requests
        time.sleep(0.2)
        assert not other.requests


def gone():
    """410 stops calling, of that receiver alone, until SIGHUP."""
    here = [410]
    with World("webhook_gone") as world, Hook(lambda request: here[0]) as hook, Hook() as other:
        world.things(3)
        more = {"other": {"type": "webhook", "url": other.url, "signature": "none", "allow_http": True,
                          "allow_private": True}}
        with world.tap(hook.url, sinks=more, lanes=1) as tap:
            hook.got()
            world.things(10, start=3)
            wait_for(lambda: count(other.requests) == 13)
            time.sleep(2)
            assert len(hook.requests) == 1, len(hook.requests)
            assert "it is gone; it is not called again until a restart or SIGHUP" in tap.said(), tap.said()
            here[0] = 204
            tap.signal(signal.SIGHUP)
            wait_for(lambda: count(hook.taken()) == 13)
            check_native(world, hook.taken())


if __name__ == "__main__":
    sys.exit(run_tests([signatures, rotation, retries, restart, mutual_tls, bearer, oauth, redirects, gone]))
