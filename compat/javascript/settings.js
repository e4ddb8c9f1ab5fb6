// What a stream and an account can be told to do.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  DescribeAccountSettingsCommand,
  DescribeLimitsCommand,
  DisableEnhancedMonitoringCommand,
  EnableEnhancedMonitoringCommand,
  StartStreamEncryptionCommand,
  StopStreamEncryptionCommand,
  UpdateAccountSettingsCommand,
  UpdateMaxRecordSizeCommand,
  UpdateStreamModeCommand,
  UpdateStreamRecordDistributionStrategyCommand,
  UpdateStreamWarmThroughputCommand,
} from "@aws-sdk/client-kinesis";

import {
  FIRST,
  arnOf,
  client,
  iterator,
  makeClient,
  makeStream,
  missing,
  newAccount,
  poll,
  put,
  read,
  untilActive,
} from "./harness.js";

const NOWHERE = { StreamName: "nowhere" };
const ON_DEMAND = { StreamModeDetails: { StreamMode: "ON_DEMAND" } };

async function refusedAsMissing(...commands) {
  for (const command of commands) {
    await assert.rejects(client.send(command), {
      name: "ResourceNotFoundException",
      message: missing("nowhere"),
    });
  }
}

const elsewhere = (arn) => arn.replace(/stream\/.*/, "stream/nowhere");

test("encryption starts and stops", async () => {
  const StreamName = await makeStream();
  const key = { EncryptionType: "KMS", KeyId: "alias/aws/kinesis" };
  await client.send(new StartStreamEncryptionCommand({ StreamName, ...key }));
  const encrypted = await untilActive(StreamName);
  assert.deepEqual([encrypted.EncryptionType, encrypted.KeyId], ["KMS", "alias/aws/kinesis"]);
  const answer = await poll(
    () => put(StreamName, "secret"),
    (found) => found.EncryptionType === "KMS",
    "records to be encrypted",
  );
  const at = { StartingSequenceNumber: answer.SequenceNumber };
  const [record] = await read(await iterator(StreamName, FIRST, "AT_SEQUENCE_NUMBER", at), 1);
  assert.equal(record.EncryptionType, "KMS");
  await client.send(new StopStreamEncryptionCommand({ StreamName, ...key }));
  assert.equal((await untilActive(StreamName)).EncryptionType, "NONE");
  await refusedAsMissing(
    new StartStreamEncryptionCommand({ ...NOWHERE, ...key }),
    new StopStreamEncryptionCommand({ ...NOWHERE, ...key }),
  );
});

test("metrics of shards are enabled and disabled", async () => {
  const StreamName = await makeStream();
  const ShardLevelMetrics = ["IncomingBytes"];
  const enabled = await client.send(new EnableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics }));
  assert.deepEqual([enabled.CurrentShardLevelMetrics, enabled.DesiredShardLevelMetrics], [[], ShardLevelMetrics]);
  assert.deepEqual((await untilActive(StreamName)).EnhancedMonitoring, [{ ShardLevelMetrics }]);
  const disabled = await client.send(new DisableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics }));
  assert.deepEqual([disabled.CurrentShardLevelMetrics, disabled.DesiredShardLevelMetrics], [ShardLevelMetrics, []]);
  await refusedAsMissing(
    new EnableEnhancedMonitoringCommand({ ...NOWHERE, ShardLevelMetrics }),
    new DisableEnhancedMonitoringCommand({ ...NOWHERE, ShardLevelMetrics }),
  );
});

test("the capacity mode changes, the shards stay", async () => {
  const StreamName = await makeStream(3);
  const StreamARN = await arnOf(StreamName);
  for (const StreamMode of ["ON_DEMAND", "PROVISIONED"]) {
    await client.send(new UpdateStreamModeCommand({ StreamARN, StreamModeDetails: { StreamMode } }));
    const summary = await untilActive(StreamName);
    assert.deepEqual([summary.StreamModeDetails.StreamMode, summary.OpenShardCount], [StreamMode, 3]);
  }
  await refusedAsMissing(new UpdateStreamModeCommand({ StreamARN: elsewhere(StreamARN), ...ON_DEMAND }));
});

test("larger records are taken once the stream says so", async () => {
  const StreamName = await makeStream();
  const StreamARN = await arnOf(StreamName);
  const large = "x".repeat(1_500_000);
  await assert.rejects(put(StreamName, large), {
    name: "ValidationException",
    message:
      "1 validation error detected: Value at 'data' failed to satisfy constraint: " +
      "Member must have length less than or equal to 1048576",
  });
  const update = (MaxRecordSizeInKiB) =>
    client.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB }));
  await update(2048);
  assert.equal((await untilActive(StreamName)).MaxRecordSizeInKiB, 2048);
  await put(StreamName, large);
  await assert.rejects(update(10_241), { name: "ValidationException" });
});

test("an on-demand stream may distribute records itself", async () => {
  const StreamName = await makeStream(ON_DEMAND);
  const update = (StreamARN) =>
    client.send(new UpdateStreamRecordDistributionStrategyCommand({ StreamARN, RecordDistributionStrategy: "AUTO" }));
  await update(await arnOf(StreamName));
  assert.equal((await untilActive(StreamName)).RecordDistributionStrategy, "AUTO");
  await put(StreamName, "without a key", { PartitionKey: undefined });
  await assert.rejects(update(await arnOf(await makeStream())), { name: "InvalidArgumentException" });
});

test("a committed account keeps an on-demand stream warm", async () => {
  const owner = newAccount();
  const status = async (command) => (await owner.send(command)).MinimumThroughputBillingCommitment.Status;
  const commit = (Status) => new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status } });
  assert.equal(await status(new DescribeAccountSettingsCommand({})), "DISABLED");
  assert.equal(await status(commit("ENABLED")), "ENABLED");
  assert.equal(await status(new DescribeAccountSettingsCommand({})), "ENABLED");
  await assert.rejects(owner.send(commit("PERHAPS")), { name: "ValidationException" });
  const StreamName = await makeStream(ON_DEMAND, owner);
  const warm = new UpdateStreamWarmThroughputCommand({ StreamName, WarmThroughputMiBps: 50 });
  assert.equal((await owner.send(warm)).WarmThroughput.TargetMiBps, 50);
  assert.equal((await untilActive(StreamName, owner)).WarmThroughput.TargetMiBps, 50);
  await refusedAsMissing(new UpdateStreamWarmThroughputCommand({ ...NOWHERE, WarmThroughputMiBps: 50 }));
});

test("limits count shards and streams", async () => {
  const owner = newAccount();
  await makeStream(2, owner);
  await makeStream(ON_DEMAND, owner);
  const limits = await owner.send(new DescribeLimitsCommand({}));
  assert.deepEqual([limits.OpenShardCount, limits.OnDemandStreamCount], [2, 1]);
  assert.ok(limits.ShardLimit >= 2 && limits.OnDemandStreamCountLimit >= 1, JSON.stringify(limits));
});

test("nobody asks without credentials", async () => {
  const unsigned = makeClient({ signer: { sign: async (request) => request } });
  for (const command of [new DescribeLimitsCommand({}), new DescribeAccountSettingsCommand({})]) {
    await assert.rejects(unsigned.send(command), {
      name: "MissingAuthenticationTokenException",
      message: "Missing Authentication Token",
    });
  }
});
