// SPDX-License-Identifier: Apache-2.0
// The CloudEvents library of npm: parses one message and says which events it found, validated.
import { HTTP, Kafka } from 'cloudevents';
import { serve, bytes, refusable } from './judge.mjs';

// Data is JSON's value, or text; bytes travel as base64.
function plain(event) {
  event.validate();
  const { data, data_base64: base64, ...attributes } = event.toJSON();
  return base64 === undefined ? { attributes, data: data ?? null } : { attributes, base64 };
}

await serve(({ binding, headers, body, key }) => refusable(() => {
  const raw = bytes(body);
  // A receiver hands over text where the type says so, and otherwise bytes.
  const received = /json/.test(headers['content-type']) ? raw?.toString() : raw;
  const found = binding === 'http'
    ? HTTP.toEvent({ headers, body: received })
    : Kafka.toEvent({ headers, value: received, key: bytes(key)?.toString() });
  return [found].flat().map(plain);
}));
