//! A server that checks access keys.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
const key = (id: string, policies: string) => `[[key]]\nid = "${id}"\nsecret = "${SECRET}"\naccount = "123456789012"\npolicies = [${policies}]\n`;

/** A server with the keys OWNER, READER and GUEST, who may do everything too; and a stream with one record. */
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
  const kept = [key("OWNER", ALL), key("READER", READ_ONLY)];
  write(...kept, key("GUEST", ALL));
  const server = await TestServer.start("--durability", "os", "--access-keys", file);
  await server.kinesis(OWNER).send(new CreateStreamCommand({ StreamName: "orders", ShardCount: 2 }));
  await server.kinesis(OWNER).send(new PutRecordCommand({ StreamName: "orders", PartitionKey: "k", Data: new TextEncoder().encode("hello") }));
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
