# SPDX-License-Identifier: Apache-2.0
"""Receivers of webhooks, from PyPI: does each take this body with these headers and this secret?"""
import base64

import standardwebhooks
import stripe
import svix.webhooks
from judge import refusable, serve

RECEIVERS = {
    "standardwebhooks": lambda secret, headers, body:
        standardwebhooks.Webhook(secret).verify(body, headers),
    "svix": lambda secret, headers, body: svix.webhooks.Webhook(secret).verify(body, headers),
    # construct_event() would also ask for an object, which a batch of changes is not.
    "stripe": lambda secret, headers, body: stripe.WebhookSignature.verify_header(
        body.decode(), headers.get("stripe-signature"), secret, stripe.Webhook.DEFAULT_TOLERANCE),
}


def answer(scheme, secret, headers, body):
    with refusable():
        RECEIVERS[scheme](secret, headers, base64.b64decode(body))
    return True


serve(answer)
