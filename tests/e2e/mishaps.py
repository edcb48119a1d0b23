#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator meets who makes a mistake or has bad luck. usage: mishaps.py"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakelib import Fake, make_table, run_tests
from taplib import FAKE, Tap, configuration, good_environment


def settings_outlive_credentials(folder):
    """Region and CA file are still known after the credentials were read again."""
    with Fake(FAKE, "--make-cert", os.path.join(folder, "pki")) as fake:
        make_table(fake.client(), "here")
        fake.admin("set", clock_offset=20 * 60 * 1000)  # refused once, so read again
        config = configuration(fake.tls_url, ["missing"], {"s": os.path.join(folder, "out")})
        ca_file = os.path.join(folder, "pki", "ca.pem")
        with Tap(folder, config, env=good_environment(AWS_CA_BUNDLE=ca_file)) as tap:
            assert tap.wait() == 69, tap.said()
            assert "does not exist in region us-east-1;" in tap.said(), tap.said()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ddbtap-mishaps-") as where:
        sys.exit(run_tests([settings_outlive_credentials], where))
