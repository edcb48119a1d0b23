// SPDX-License-Identifier: Apache-2.0
// Receivers of webhooks, from npm: does each take this body with these headers and this secret?
import { verify as octokit } from '@octokit/webhooks-methods';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { Webhook as Svix } from 'svix';
import { Refusal, serve, bytes, refusable } from './judge.mjs';

const stripe = new Stripe('unused');
const receivers = {
  standardwebhooks: (secret, headers, body) => new StandardWebhook(secret).verify(body, headers),
  svix: (secret, headers, body) => new Svix(secret).verify(body, headers),
  stripe: (secret, headers, body) =>
    stripe.webhooks.constructEvent(body, headers['stripe-signature'], secret),
  async github(secret, headers, body) {
    if (!(await octokit(secret, body.toString(), headers['x-hub-signature-256']))) {
      throw new Refusal('the signature does not match');
    }
  },
};

await serve(async ({ scheme, secret, headers, body }) => {
  await refusable(() => receivers[scheme](secret, headers, bytes(body)));
  return true;
});
