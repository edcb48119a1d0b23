// SPDX-License-Identifier: Apache-2.0
// The part that all judges in JavaScript share: questions in, answers out, as ../peerlib.py has them.
import { createInterface } from 'node:readline';

// Thrown when somebody else's library refused what it was given.
export class Refusal extends Error {}

// Calls a library; what it throws is its refusal.
export async function refusable(call) {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`${error.name}: ${error.message}`.replace(/\s+/g, ' ').slice(0, 500));
  }
}

// Answers questions until the input ends. What `answer` throws otherwise is an error of the test.
export async function serve(answer) {
  for await (const line of createInterface({ input: process.stdin })) {
    let said;
    try {
      said = { value: (await answer(JSON.parse(line))) ?? null };
    } catch (error) {
      said = error instanceof Refusal ? { refused: error.message } : { error: String(error.stack) };
    }
    process.stdout.write(JSON.stringify(said) + '\n');
  }
}

// Bytes travel as base64, and null stays null.
export const bytes = (text) => (text == null ? null : Buffer.from(text, 'base64'));
export const text = (data) => (data == null ? null : Buffer.from(data).toString('base64'));
