# SPDX-License-Identifier: Apache-2.0
"""The signer of tokens for MSK that AWS publishes, at a time of our choice."""
import datetime

import botocore.auth
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from botocore.credentials import CredentialProvider, Credentials
from judge import serve


class Given(CredentialProvider):
    """The credentials that it was given."""

    def __init__(self, *credentials):
        super().__init__()
        self.credentials = Credentials(*credentials)

    def load(self):
        return self.credentials


def answer(region, access, secret, session, at):
    then = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda: then
    token, expires_wall_ms = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(
        region, Given(access, secret, session))
    return {"token": token, "expires_wall_ms": expires_wall_ms}


serve(answer)
