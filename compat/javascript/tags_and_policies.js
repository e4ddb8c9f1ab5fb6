// Tags and resource policies.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  AddTagsToStreamCommand,
  DeleteResourcePolicyCommand,
  GetResourcePolicyCommand,
  ListTagsForResourceCommand,
  ListTagsForStreamCommand,
  PutResourcePolicyCommand,
  RemoveTagsFromStreamCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-kinesis";

import { account, arnOf, client, makeStream, missing } from "./harness.js";

const NOWHERE = "nowhere";

test("a stream's tags are added, listed and removed", async () => {
  const StreamName = await makeStream();
  await client.send(new AddTagsToStreamCommand({ StreamName, Tags: { team: "grid", Zone: "ÿ" } }));
  const answer = await client.send(new ListTagsForStreamCommand({ StreamName }));
  assert.deepEqual(answer.Tags, [
    { Key: "Zone", Value: "ÿ" },
    { Key: "team", Value: "grid" },
  ]);
  assert.equal(answer.HasMoreTags, false);
  await client.send(new RemoveTagsFromStreamCommand({ StreamName, TagKeys: ["Zone", "never set"] }));
  assert.deepEqual((await client.send(new ListTagsForStreamCommand({ StreamName }))).Tags, [
    { Key: "team", Value: "grid" },
  ]);
  const commands = [
    new AddTagsToStreamCommand({ StreamName: NOWHERE, Tags: { a: "b" } }),
    new ListTagsForStreamCommand({ StreamName: NOWHERE }),
    new RemoveTagsFromStreamCommand({ StreamName: NOWHERE, TagKeys: ["a"] }),
  ];
  for (const command of commands) {
    await assert.rejects(client.send(command), { name: "ResourceNotFoundException", message: missing(NOWHERE) });
  }
});

test("the same tags by ARN", async () => {
  const StreamName = await makeStream();
  const ResourceARN = await arnOf(StreamName);
  const list = async () => (await client.send(new ListTagsForResourceCommand({ ResourceARN }))).Tags;
  await client.send(new TagResourceCommand({ ResourceARN, Tags: { team: "grid" } }));
  assert.deepEqual(await list(), [{ Key: "team", Value: "grid" }]);
  assert.deepEqual((await client.send(new ListTagsForStreamCommand({ StreamName }))).Tags, await list());
  await client.send(new UntagResourceCommand({ ResourceARN, TagKeys: ["team"] }));
  assert.deepEqual(await list(), []);
  const elsewhere = { ResourceARN: ResourceARN.replace(StreamName, NOWHERE) };
  const commands = [
    new TagResourceCommand({ ...elsewhere, Tags: { a: "b" } }),
    new ListTagsForResourceCommand(elsewhere),
    new UntagResourceCommand({ ...elsewhere, TagKeys: ["a"] }),
  ];
  for (const command of commands) {
    await assert.rejects(client.send(command), { name: "ResourceNotFoundException" });
  }
});

test("a resource policy is put, got and deleted", async () => {
  const StreamName = await makeStream();
  const ResourceARN = await arnOf(StreamName);
  const get = async () => JSON.parse((await client.send(new GetResourcePolicyCommand({ ResourceARN }))).Policy);
  assert.deepEqual(await get(), {});
  const statement = {
    Sid: "readers",
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${account}:root` },
    Action: ["kinesis:DescribeStreamSummary"],
    Resource: ResourceARN,
  };
  const policy = { Version: "2012-10-17", Statement: [statement] };
  await client.send(new PutResourcePolicyCommand({ ResourceARN, Policy: JSON.stringify(policy) }));
  assert.deepEqual(await get(), policy);
  await client.send(new DeleteResourcePolicyCommand({ ResourceARN }));
  assert.deepEqual(await get(), {});
  const elsewhere = { ResourceARN: ResourceARN.replace(StreamName, NOWHERE) };
  const commands = [
    new PutResourcePolicyCommand({ ...elsewhere, Policy: JSON.stringify(policy) }),
    new GetResourcePolicyCommand(elsewhere),
    new DeleteResourcePolicyCommand(elsewhere),
  ];
  for (const command of commands) {
    await assert.rejects(client.send(command), { name: "ResourceNotFoundException" });
  }
});
