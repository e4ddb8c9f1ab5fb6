// What the tests share: the client of the endpoint under test, and streams that go away in the end.

import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { after, before } from "node:test";
import { parseArgs } from "node:util";

import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  PutRecordCommand,
  RegisterStreamConsumerCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-kinesis";

import { recorded } from "./recorder.js";

const { values } = parseArgs({ options: { endpoint: { type: "string" } } });
export const endpoint = values.endpoint ?? process.env.MILLSTREAM_ENDPOINT;
if (!endpoint) {
  console.error("say which server to test: --endpoint URL or MILLSTREAM_ENDPOINT");
  process.exit(2);
}

export const DEADLINE_MS = 60_000;
export const [FIRST, SECOND, THIRD, FOURTH] = [0, 1, 2, 3].map(
  (index) => `shardId-${String(index).padStart(12, "0")}`,
);
export const HALF = (2n ** 127n).toString();

process.env.AWS_ACCESS_KEY_ID ??= "compat";
process.env.AWS_SECRET_ACCESS_KEY ??= "compat";
export const common = { endpoint, region: process.env.AWS_REGION ?? "us-east-1" };
const clients = [];

/** A client as an application would make it, with what is asked for besides. */
export function makeClient(more = {}) {
  clients.push(recorded(new KinesisClient({ ...common, ...more })));
  return clients.at(-1);
}

/** A client of an account that nobody used before: an access key of 12 digits is its own account. */
export function newAccount() {
  const accessKeyId = String(randomInt(100_000, 1_000_000)) + String(randomInt(100_000, 1_000_000));
  return makeClient({ credentials: { accessKeyId, secretAccessKey: "compat" } });
}

export const client = makeClient();
const made = [];
export let account;

export const bytes = (text) => new TextEncoder().encode(text);
export const text = (record) => new TextDecoder().decode(record.Data);
export const missing = (name) => `Stream ${name} under account ${account} not found.`;

export async function poll(look, isDone, what) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (isDone(found)) return found;
    assert.ok(Date.now() < deadline, `${what} took more than a minute`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function untilActive(StreamName, owner = client) {
  return poll(
    async () => (await owner.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary,
    (summary) => summary.StreamStatus === "ACTIVE",
    `${StreamName} to become ACTIVE`,
  );
}

/** Makes a stream of so many shards, or of what the input says instead. */
export async function makeStream(input = 1, owner = client) {
  const StreamName = `compat-${randomUUID().slice(0, 13)}`;
  made.push([owner, StreamName]);
  const what = typeof input === "number" ? { ShardCount: input } : input;
  await owner.send(new CreateStreamCommand({ StreamName, ...what }));
  await untilActive(StreamName, owner);
  return StreamName;
}

export async function arnOf(StreamName) {
  return (await untilActive(StreamName)).StreamARN;
}

export const put = (StreamName, data, more = {}) =>
  client.send(new PutRecordCommand({ StreamName, PartitionKey: "k", Data: bytes(data), ...more }));

/** Registers a consumer and waits until it is ACTIVE. */
export async function makeConsumer(StreamARN, ConsumerName = "consumer") {
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName }));
  const { ConsumerARN } = Consumer;
  return poll(
    async () => (await client.send(new DescribeStreamConsumerCommand({ ConsumerARN }))).ConsumerDescription,
    (description) => description.ConsumerStatus === "ACTIVE",
    `${ConsumerName} to become ACTIVE`,
  );
}

export async function iterator(StreamName, ShardId, ShardIteratorType = "TRIM_HORIZON", more = {}) {
  const request = new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType, ...more });
  return (await client.send(request)).ShardIterator;
}

export async function read(start, count) {
  const records = [];
  const deadline = Date.now() + DEADLINE_MS;
  for (let next = start; ; ) {
    const answer = await client.send(new GetRecordsCommand({ ShardIterator: next }));
    records.push(...answer.Records);
    if (records.length >= count) return records;
    next = answer.NextShardIterator;
    assert.ok(next, `the shard ended after ${records.length} of ${count} records`);
    assert.ok(Date.now() < deadline, `${records.length} of ${count} records came`);
  }
}

export async function readToEnd(StreamName, ShardId) {
  const records = [];
  const deadline = Date.now() + DEADLINE_MS;
  let answer = { NextShardIterator: await iterator(StreamName, ShardId) };
  while (answer.NextShardIterator) {
    answer = await client.send(new GetRecordsCommand({ ShardIterator: answer.NextShardIterator }));
    records.push(...answer.Records);
    assert.ok(Date.now() < deadline, `no end of ${ShardId}`);
  }
  return { records, children: answer.ChildShards };
}

before(async () => {
  const summary = await untilActive(await makeStream());
  account = summary.StreamARN.split(":")[4];
});

after(async () => {
  for (const [owner, StreamName] of made) {
    await owner.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true })).catch((error) => {
      assert.ok(error instanceof ResourceNotFoundException, error);
    });
  }
  for (const each of clients) each.destroy();
});

