// SPDX-License-Identifier: Apache-2.0
// AWS Powertools of npm: is this an event of DynamoDB Streams as Lambda functions get it?
import { DynamoDBStreamSchema } from '@aws-lambda-powertools/parser/schemas/dynamodb';
import { serve, bytes, refusable } from './judge.mjs';

await serve(async ({ event }) => {
  await refusable(() => DynamoDBStreamSchema.parse(JSON.parse(bytes(event).toString())));
  return true;
});
