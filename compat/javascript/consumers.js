// Consumers of a stream, and what is pushed to them.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  ListStreamConsumersCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  SubscribeToShardCommand,
} from "@aws-sdk/client-kinesis";

import {
  DEADLINE_MS,
  FIRST,
  HALF,
  SECOND,
  THIRD,
  account,
  arnOf,
  client,
  makeConsumer,
  makeStream,
  missing,
  poll,
  put,
  text,
  untilActive,
} from "./harness.js";

async function subscribe(ConsumerARN, StartingPosition = { Type: "TRIM_HORIZON" }, ShardId = FIRST) {
  const answer = await client.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition }));
  return answer.EventStream[Symbol.asyncIterator]();
}

/** The data of the next records, and the event that brought the last. */
async function take(events, count) {
  const data = [];
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const { done, value } = await events.next();
    assert.ok(!done, `the subscription ended after ${data.length} of ${count} records`);
    const event = value.SubscribeToShardEvent;
    data.push(...event.Records.map(text));
    if (data.length >= count) return { data, event };
    assert.ok(Date.now() < deadline, `${data.length} of ${count} records came`);
  }
}

test("a consumer is registered, described, listed and deregistered", async () => {
  const StreamARN = await arnOf(await makeStream());
  const description = await makeConsumer(StreamARN, "billing");
  const { ConsumerARN } = description;
  assert.ok(ConsumerARN.startsWith(`${StreamARN}/consumer/billing:`), ConsumerARN);
  assert.ok(ConsumerARN.endsWith(`:${description.ConsumerCreationTimestamp.getTime() / 1000}`), ConsumerARN);
  const { Consumers } = await client.send(new ListStreamConsumersCommand({ StreamARN }));
  assert.deepEqual(
    Consumers.map((consumer) => [consumer.ConsumerName, consumer.ConsumerARN, consumer.ConsumerStatus]),
    [["billing", ConsumerARN, "ACTIVE"]],
  );
  const again = new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "billing" });
  await assert.rejects(client.send(again), { name: "ResourceInUseException" });
  await client.send(new DeregisterStreamConsumerCommand({ ConsumerARN }));
  const gone = await poll(
    () => client.send(new DescribeStreamConsumerCommand({ ConsumerARN })).catch((error) => error),
    (answer) => answer instanceof Error,
    "deregistering",
  );
  assert.equal(gone.name, "ResourceNotFoundException");
  await assert.rejects(client.send(new DeregisterStreamConsumerCommand({ ConsumerARN })), {
    name: "ResourceNotFoundException",
  });
  const nowhere = StreamARN.replace(/stream\/.*/, "stream/nowhere");
  await assert.rejects(client.send(new ListStreamConsumersCommand({ StreamARN: nowhere })), {
    name: "ResourceNotFoundException",
    message: missing("nowhere"),
  });
});

test("a stream with consumers is deleted only when that is meant", async () => {
  const StreamName = await makeStream();
  await makeConsumer(await arnOf(StreamName));
  await assert.rejects(client.send(new DeleteStreamCommand({ StreamName })), { name: "ResourceInUseException" });
  await client.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }));
});

test("records are pushed as they are put, over one HTTP/2 connection", async () => {
  const StreamName = await makeStream();
  const { ConsumerARN } = await makeConsumer(await arnOf(StreamName));
  await put(StreamName, "before");
  const events = await subscribe(ConsumerARN);
  assert.deepEqual((await take(events, 1)).data, ["before"]);
  let last;
  for (const data of ["one", "two", "three"]) {
    await put(StreamName, data);
    const taken = await take(events, 1);
    assert.deepEqual(taken.data, [data]);
    last = taken.event;
  }
  await events.return();
  const other = await makeConsumer(await arnOf(StreamName), "other");
  await put(StreamName, "four");
  const position = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: last.ContinuationSequenceNumber };
  const rest = await subscribe(other.ConsumerARN, position);
  assert.deepEqual((await take(rest, 1)).data, ["four"]);
  await rest.return();
});

test("the end of a shard names its children", async () => {
  const StreamName = await makeStream();
  const { ConsumerARN } = await makeConsumer(await arnOf(StreamName));
  await put(StreamName, "only");
  const split = { StreamName, ShardToSplit: FIRST, NewStartingHashKey: HALF };
  await client.send(new SplitShardCommand(split));
  await untilActive(StreamName);
  const seen = [];
  const answer = await client.send(
    new SubscribeToShardCommand({ ConsumerARN, ShardId: FIRST, StartingPosition: { Type: "TRIM_HORIZON" } }),
  );
  for await (const { SubscribeToShardEvent } of answer.EventStream) seen.push(SubscribeToShardEvent);
  assert.deepEqual(seen.flatMap((event) => event.Records.map(text)), ["only"]);
  const last = seen.at(-1);
  assert.equal(last.ContinuationSequenceNumber, undefined);
  assert.deepEqual(
    last.ChildShards.map((child) => [child.ShardId, child.ParentShards]),
    [
      [SECOND, [FIRST]],
      [THIRD, [FIRST]],
    ],
  );
});

test("a shard has one subscription per consumer, and only shards and consumers that exist have any", async () => {
  const StreamName = await makeStream();
  const { ConsumerARN } = await makeConsumer(await arnOf(StreamName), "billing");
  const events = await subscribe(ConsumerARN);
  await assert.rejects(subscribe(ConsumerARN), {
    name: "ResourceInUseException",
    message: `Another active subscription exists for this consumer: ${account}:${StreamName}:${FIRST}:billing`,
  });
  await events.return();
  await assert.rejects(subscribe(ConsumerARN, { Type: "LATEST" }, "shardId-000000000009"), {
    name: "ResourceNotFoundException",
    message: `Shard shardId-000000000009 in stream ${StreamName} under account ${account} does not exist`,
  });
  await assert.rejects(subscribe(ConsumerARN.replace("/consumer/billing:", "/consumer/nobody:")), {
    name: "ResourceNotFoundException",
  });
});
