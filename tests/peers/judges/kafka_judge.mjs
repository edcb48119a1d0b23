// SPDX-License-Identifier: Apache-2.0
// kafkajs: makes topics, writes and reads them, and says which partition Java's producers choose.
import kafkajs from 'kafkajs';
import { serve, bytes, text } from './judge.mjs';

const { Kafka, Partitioners, logLevel } = kafkajs;
const connect = (address) =>
  new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50 } });

async function withAdmin(address, use) {
  const admin = connect(address).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

function create({ address, topic, partitions, config }) {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  return withAdmin(address, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] }));
}

// One batch, in one transaction that is committed or aborted, or without one.
async function produce({ address, topic, records, transaction }) {
  const messages = records.map((record) => ({
    key: bytes(record.key), value: bytes(record.value), partition: record.partition,
    headers: headersOf(record.headers),
  }));
  const producer = connect(address).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    ...(transaction && { transactionalId: `peers-${process.pid}`, idempotent: true, maxInFlightRequests: 1 }),
  });
  await producer.connect();
  try {
    const to = transaction ? await producer.transaction() : producer;
    await to.send({ topic, messages });
    if (transaction) await to[transaction]();
  } finally {
    await producer.disconnect();
  }
}

// kafkajs takes the values of a name that is there twice as an array.
function headersOf(pairs) {
  const headers = {};
  for (const [name, value] of pairs) (headers[name] ??= []).push(bytes(value));
  return headers;
}

// Where the partitions begin and end. A broker that has just been started again does not lead them at once.
async function offsetsOf(address, topic, milliseconds) {
  const until = Date.now() + milliseconds;
  for (;;) {
    try {
      return await withAdmin(address, (admin) => admin.fetchTopicOffsets(topic));
    } catch (error) {
      if (!error.retriable || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

// Everything from the beginning to the ends that the partitions had when it was asked.
async function read({ address, topic, isolation, milliseconds }) {
  const offsets = await offsetsOf(address, topic, milliseconds);
  const ends = new Map(offsets.filter((o) => BigInt(o.low) < BigInt(o.high))
    .map((o) => [o.partition, BigInt(o.high)]));
  const records = new Map(); // by place, because a consumer that starts again reads again
  if (ends.size === 0) return [];
  const consumer = connect(address).consumer({
    groupId: `peers-${process.pid}-${Date.now()}`, readUncommitted: isolation === 'read_uncommitted',
  });
  let timer;
  const complete = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(
      `after ${records.size} records the ends of partitions ${[...ends.keys()]} were not reached`)),
    milliseconds);
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
      if (BigInt(lastOffset) + 1n >= ends.get(partition)) ends.delete(partition);
      if (ends.size === 0) resolve();
    });
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch: { partition, messages } }) => {
        for (const message of messages) {
          records.set(`${partition}/${message.offset}`, recordOf(partition, message));
        }
      },
    });
    await complete;
  } finally {
    clearTimeout(timer);
    await consumer.disconnect();
  }
  return [...records.values()];
}

function recordOf(partition, message) {
  const headers = Object.entries(message.headers)
    .flatMap(([name, values]) => [values].flat().map((value) => [name, text(value)]));
  return {
    partition, offset: Number(message.offset), timestamp: Number(message.timestamp), headers,
    key: text(message.key), value: text(message.value),
  };
}

// Null for a key that is null: any partition would be right.
function partitions({ keys, count }) {
  const choose = Partitioners.DefaultPartitioner();
  const partitionMetadata = [...Array(count).keys()].map((partitionId) => ({ partitionId, leader: 1 }));
  return keys.map((key) => (key == null ? null
    : choose({ topic: 'any', partitionMetadata, message: { key: bytes(key) } })));
}

const verbs = { create, produce, read, partitions };
await serve(({ verb, ...question }) => verbs[verb](question));
