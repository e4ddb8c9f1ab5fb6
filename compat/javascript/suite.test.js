// The AWS SDK for JavaScript as it comes: it opens with HTTP/2, on cleartext without asking first.
//
//   node suite.test.js --endpoint http://127.0.0.1:4566        (or MILLSTREAM_ENDPOINT)

import assert from "node:assert/strict";
import http2 from "node:http2";
import { test } from "node:test";

import {
  CreateStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  IncreaseStreamRetentionPeriodCommand,
  InvalidArgumentException,
  ListShardsCommand,
  ListStreamsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  SplitShardCommand,
  UpdateShardCountCommand,
  paginateListStreams,
} from "@aws-sdk/client-kinesis";

import {
  FIRST,
  FOURTH,
  HALF,
  SECOND,
  THIRD,
  account,
  bytes,
  client,
  endpoint,
  iterator,
  makeStream,
  missing,
  poll,
  read,
  readToEnd,
  text,
  untilActive,
} from "./harness.js";
import "./cloudwatch.js";
import "./consumers.js";
import "./settings.js";
import "./tags_and_policies.js";

test("the port speaks HTTP/2 without being asked", { skip: !endpoint.startsWith("http:") }, async () => {
  const session = http2.connect(endpoint);
  try {
    const status = await new Promise((resolve, reject) => {
      session.on("error", reject);
      const request = session.request({
        ":method": "POST",
        ":path": "/",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "Kinesis_20131202.ListStreams",
      });
      request.on("error", reject);
      request.on("response", (headers) => resolve(headers[":status"]));
      request.end("{}");
    });
    assert.equal(status, 400); // unsigned, but answered
  } finally {
    session.close();
  }
});

test("a stream is created once and described", async () => {
  const StreamName = await makeStream(2);
  const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamName }));
  assert.deepEqual(
    StreamDescription.Shards.map((shard) => shard.ShardId),
    [FIRST, SECOND],
  );
  assert.ok(StreamDescription.StreamCreationTimestamp instanceof Date);
  assert.ok(Math.abs(Date.now() - StreamDescription.StreamCreationTimestamp) < 300_000);
  await assert.rejects(client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 })), (error) => {
    assert.ok(error instanceof ResourceInUseException);
    assert.equal(error.message, `Stream ${StreamName} under account ${account} already exists.`);
    return true;
  });
});

test("a missing stream is not described, deleted, listed or written", async () => {
  const StreamName = "nowhere";
  const commands = [
    new DescribeStreamCommand({ StreamName }),
    new DescribeStreamSummaryCommand({ StreamName }),
    new DeleteStreamCommand({ StreamName }),
    new ListShardsCommand({ StreamName }),
    new PutRecordCommand({ StreamName, PartitionKey: "k", Data: bytes("d") }),
    new PutRecordsCommand({ StreamName, Records: [{ PartitionKey: "k", Data: bytes("d") }] }),
  ];
  for (const command of commands) {
    await assert.rejects(client.send(command), (error) => {
      assert.ok(error instanceof ResourceNotFoundException, error);
      assert.equal(error.message, missing(StreamName));
      assert.equal(error.$metadata.httpStatusCode, 400);
      assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
      return true;
    });
  }
});

test("a deleted stream goes away", async () => {
  const StreamName = await makeStream();
  await client.send(new DeleteStreamCommand({ StreamName }));
  await poll(
    () => client.send(new DescribeStreamSummaryCommand({ StreamName })).catch((error) => error),
    (answer) => answer instanceof ResourceNotFoundException,
    "deleting",
  );
});

test("streams are listed page by page", async () => {
  const mine = [await makeStream(), await makeStream(), await makeStream()];
  const found = [];
  for await (const page of paginateListStreams({ client, pageSize: 2 }, {})) {
    assert.ok(page.StreamNames.length <= 2);
    found.push(...page.StreamNames);
  }
  assert.deepEqual(found, [...found].sort());
  for (const name of mine) assert.ok(found.includes(name), name);
  await assert.rejects(client.send(new ListStreamsCommand({ Limit: 10_001 })), { name: "ValidationException" });
});

test("shards are listed page by page", async () => {
  const StreamName = await makeStream(3);
  const first = await client.send(new ListShardsCommand({ StreamName, MaxResults: 2 }));
  const second = await client.send(new ListShardsCommand({ NextToken: first.NextToken }));
  assert.deepEqual(
    [...first.Shards, ...second.Shards].map((shard) => shard.ShardId),
    [FIRST, SECOND, THIRD],
  );
  assert.equal(second.NextToken, undefined);
  await assert.rejects(client.send(new ListShardsCommand({ StreamName, NextToken: first.NextToken })), {
    name: "InvalidArgumentException",
    message: "NextToken and StreamName cannot be provided together.",
  });
});

test("a record comes back byte by byte", async () => {
  const StreamName = await makeStream();
  const Data = Uint8Array.from({ length: 256 }, (_, index) => index);
  for (const [PartitionKey, data] of [["ключ 🗝", Data], ["empty", new Uint8Array()]]) {
    const put = await client.send(new PutRecordCommand({ StreamName, PartitionKey, Data: data }));
    const at = { StartingSequenceNumber: put.SequenceNumber };
    const [record] = await read(await iterator(StreamName, put.ShardId, "AT_SEQUENCE_NUMBER", at), 1);
    assert.deepEqual(Buffer.from(record.Data), Buffer.from(data));
    assert.equal(record.PartitionKey, PartitionKey);
    assert.equal(record.SequenceNumber, put.SequenceNumber);
    assert.ok(Math.abs(Date.now() - record.ApproximateArrivalTimestamp) < 300_000);
  }
  const beyond = { StreamName, PartitionKey: "k", Data, ExplicitHashKey: (2n ** 128n).toString() };
  await assert.rejects(client.send(new PutRecordCommand(beyond)), (error) => {
    assert.ok(error instanceof InvalidArgumentException, error);
    assert.match(error.message, /^Invalid ExplicitHashKey\. /);
    return true;
  });
});

test("five hundred records keep their order", async () => {
  const StreamName = await makeStream(2);
  const Records = Array.from({ length: 500 }, (_, index) => ({
    PartitionKey: "k",
    ExplicitHashKey: index % 2 ? HALF : "0",
    Data: bytes(`record ${index}`),
  }));
  const answer = await client.send(new PutRecordsCommand({ StreamName, Records }));
  assert.equal(answer.FailedRecordCount, 0);
  for (const [odd, shard] of [FIRST, SECOND].entries()) {
    const records = await read(await iterator(StreamName, shard), 250);
    assert.deepEqual(
      records.map(text),
      Array.from({ length: 250 }, (_, index) => `record ${2 * index + odd}`),
    );
  }
  await assert.rejects(client.send(new PutRecordsCommand({ StreamName, Records: [...Records, Records[0]] })), {
    name: "ValidationException",
  });
});

test("a hundred calls at a time share a connection", async () => {
  const StreamName = await makeStream();
  const put = (index) =>
    client.send(new PutRecordCommand({ StreamName, PartitionKey: "k", Data: bytes(`${index}`) }));
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => put(index)));
  assert.equal(new Set(answers.map((answer) => answer.SequenceNumber)).size, 100);
  const records = await read(await iterator(StreamName, FIRST), 100);
  assert.deepEqual(
    records.map((record) => Number(text(record))).sort((one, other) => one - other),
    Array.from({ length: 100 }, (_, index) => index),
  );
});

test("all five iterators", async () => {
  const StreamName = await makeStream();
  const numbers = [];
  for (const data of ["0", "1", "2"]) {
    const put = await client.send(new PutRecordCommand({ StreamName, PartitionKey: "k", Data: bytes(data) }));
    numbers.push(put.SequenceNumber);
  }
  const latest = await iterator(StreamName, FIRST, "LATEST");
  const from = async (type, more, count) =>
    (await read(await iterator(StreamName, FIRST, type, more), count)).map(text);
  assert.deepEqual(await from("TRIM_HORIZON", {}, 3), ["0", "1", "2"]);
  assert.deepEqual(await from("AT_TIMESTAMP", { Timestamp: new Date(Date.now() - 3_600_000) }, 3), ["0", "1", "2"]);
  assert.deepEqual(await from("AT_SEQUENCE_NUMBER", { StartingSequenceNumber: numbers[1] }, 2), ["1", "2"]);
  assert.deepEqual(await from("AFTER_SEQUENCE_NUMBER", { StartingSequenceNumber: numbers[1] }, 1), ["2"]);
  await client.send(new PutRecordCommand({ StreamName, PartitionKey: "k", Data: bytes("3") }));
  assert.deepEqual((await read(latest, 1)).map(text), ["3"]);
  await assert.rejects(iterator(StreamName, "shardId-000000000009"), {
    name: "ResourceNotFoundException",
    message: `Shard shardId-000000000009 in stream ${StreamName} under account ${account} does not exist`,
  });
  await assert.rejects(client.send(new GetRecordsCommand({ ShardIterator: "AAAA" })), {
    name: "InvalidArgumentException",
    message: "Invalid ShardIterator.",
  });
});

test("a shard is split, its halves are merged, and readers find their way", async () => {
  const StreamName = await makeStream();
  const put = (data) => client.send(new PutRecordCommand({ StreamName, PartitionKey: "k", Data: bytes(data) }));
  await put("before");
  const split = (NewStartingHashKey) =>
    client.send(new SplitShardCommand({ StreamName, ShardToSplit: FIRST, NewStartingHashKey }));
  await assert.rejects(split("1"), { name: "InvalidArgumentException" });
  await split(HALF);
  await untilActive(StreamName);
  await put("between");
  const merge = (ShardToMerge, AdjacentShardToMerge) =>
    client.send(new MergeShardsCommand({ StreamName, ShardToMerge, AdjacentShardToMerge }));
  await assert.rejects(merge(THIRD, SECOND), {
    name: "InvalidArgumentException",
    message:
      `Shards ${THIRD} and ${SECOND} in stream ${StreamName} under account ${account} ` +
      "are not an adjacent pair of shards eligible for merging",
  });
  await merge(SECOND, THIRD);
  await untilActive(StreamName);
  await put("after");
  const parent = await readToEnd(StreamName, FIRST);
  assert.deepEqual(parent.records.map(text), ["before"]);
  assert.deepEqual(
    parent.children.map((child) => [child.ShardId, child.ParentShards]),
    [
      [SECOND, [FIRST]],
      [THIRD, [FIRST]],
    ],
  );
  const halves = [await readToEnd(StreamName, SECOND), await readToEnd(StreamName, THIRD)];
  assert.deepEqual(
    halves.flatMap((half) => half.records.map(text)),
    ["between"],
  );
  for (const half of halves) assert.deepEqual(half.children.map((child) => child.ShardId), [FOURTH]);
  assert.deepEqual((await read(await iterator(StreamName, FOURTH), 1)).map(text), ["after"]);
});

test("the number of shards is doubled and halved", async () => {
  const StreamName = await makeStream(2);
  const update = (TargetShardCount) =>
    client.send(new UpdateShardCountCommand({ StreamName, TargetShardCount, ScalingType: "UNIFORM_SCALING" }));
  const answer = await update(4);
  assert.deepEqual([answer.CurrentShardCount, answer.TargetShardCount, answer.StreamName], [2, 4, StreamName]);
  assert.equal((await untilActive(StreamName)).OpenShardCount, 4);
  await update(2);
  assert.equal((await untilActive(StreamName)).OpenShardCount, 2);
  await assert.rejects(update(5), { name: "LimitExceededException" });
});

test("the retention period goes up and down", async () => {
  const StreamName = await makeStream();
  const increase = (RetentionPeriodHours) =>
    client.send(new IncreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours }));
  const decrease = (RetentionPeriodHours) =>
    client.send(new DecreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours }));
  await increase(48);
  assert.equal((await untilActive(StreamName)).RetentionPeriodHours, 48);
  await assert.rejects(increase(30), { name: "InvalidArgumentException" });
  await decrease(24);
  assert.equal((await untilActive(StreamName)).RetentionPeriodHours, 24);
  await assert.rejects(decrease(23), {
    name: "InvalidArgumentException",
    message: "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
  });
});
