//! A server that checks access keys.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CreateTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateStreamCommand, PutRecordCommand } from "@aws-sdk/client-kinesis";

import { TestServer } from "./server";

/** Of every key. */
export const SECRET = "a-secret-of-sixteen-letters-and-more";
/** A key that may do everything. */
export const OWNER = { accessKeyId: "OWNER", secretAccessKey: SECRET };
/** A key that may look at streams and at metrics, and at nothing else. */
export const READER = { accessKeyId: "READER", secretAccessKey: SECRET };

const ALL = '"*"';
const READ_ONLY = `'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kinesis:List*","kinesis:Describe*","kinesis:Get*","cloudwatch:*"],"Resource":"*"}]}'`;
const READ_TABLES = `'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:List*","dynamodb:Describe*","dynamodb:Get*","dynamodb:Scan","dynamodb:Query"],"Resource":"*"}]}'`;
const key = (id: string, policies: string) => `[[key]]\nid = "${id}"\nsecret = "${SECRET}"\naccount = "123456789012"\npolicies = [${policies}]\n`;

/**
 * A server with the keys OWNER, READER, AUDITOR, who may look at tables too, and GUEST, who may do everything; a stream with
 * one record, and a table with one lease of an application that reads it.
 */
export interface ServerWithKeys {
  server: TestServer;
  /** From now on GUEST is nobody. */
  revokeGuest: () => void;
  close: () => Promise<void>;
}

export async function serverWithKeys(): Promise<ServerWithKeys> {
  const folder = mkdtempSync(join(tmpdir(), "console-keys-"));
  const file = join(folder, "keys.toml");
  const write = (...keys: string[]) => {
    writeFileSync(file, keys.join("\n"));
    chmodSync(file, 0o600);
  };
  const kept = [key("OWNER", ALL), key("READER", READ_ONLY), key("AUDITOR", `${READ_ONLY}, ${READ_TABLES}`)];
  write(...kept, key("GUEST", ALL));
  const server = await TestServer.start("--durability", "os", "--access-keys", file);
  await server.kinesis(OWNER).send(new CreateStreamCommand({ StreamName: "orders", ShardCount: 2 }));
  await server.kinesis(OWNER).send(new PutRecordCommand({ StreamName: "orders", PartitionKey: "k", Data: new TextEncoder().encode("hello") }));
  const dynamodb = server.dynamodb(OWNER);
  await dynamodb.send(new CreateTableCommand({ TableName: "counter", BillingMode: "PAY_PER_REQUEST", KeySchema: [{ AttributeName: "leaseKey", KeyType: "HASH" }], AttributeDefinitions: [{ AttributeName: "leaseKey", AttributeType: "S" }] }));
  await dynamodb.send(new PutItemCommand({ TableName: "counter", Item: { leaseKey: { S: "shardId-000000000000" }, leaseCounter: { N: "1" }, checkpoint: { S: "TRIM_HORIZON" }, leaseOwner: { S: "worker-a" } } }));
  return {
    server,
    revokeGuest: () => {
      write(...kept);
      server.reload();
    },
    close: async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
