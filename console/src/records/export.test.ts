import { beforeAll, describe, expect, it } from "vitest";

import { commandsFor, csv, jsonLines } from "./export";
import type { ShownRecord } from "./reader";

const NUMBER = "49680667254954524220979397575585521626994448796401795074";
const record = (partitionKey: string, data: Uint8Array): ShownRecord => ({
  id: `shardId-000000000001/${NUMBER}`,
  shardId: "shardId-000000000001",
  sequenceNumber: NUMBER,
  partitionKey,
  arrivedMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  data,
  kinds: ["text"],
  preview: "",
});
const text = (content: string) => new TextEncoder().encode(content);

describe("records as files", () => {
  it("of lines hold text as it is, and other bytes as base64", () => {
    const lines = jsonLines([record("a", text('{"n":12345678901234567890}')), record("b", Uint8Array.of(0xff, 0))]).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { ShardId: "shardId-000000000001", SequenceNumber: NUMBER, ApproximateArrivalTimestamp: "2026-01-02T03:04:05.006Z", PartitionKey: "a", Data: '{"n":12345678901234567890}' },
      { ShardId: "shardId-000000000001", SequenceNumber: NUMBER, ApproximateArrivalTimestamp: "2026-01-02T03:04:05.006Z", PartitionKey: "b", DataBase64: "/wA=" },
    ]);
  });
  it.each([
    ["=HYPERLINK(1)", "'=HYPERLINK(1)"],
    ['a "b"', '"a ""b"""'],
    ["two\r\nlines", '"two\r\nlines"'],
    ["+1,2", `"'+1,2"`],
    ["plain", "plain"],
  ])("of values hold %j as %j", (key, field) => expect(csv([record(key, text("x"))])).toContain(`,${field},x,`));
});

describe("commands to copy", () => {
  beforeAll(() => {
    Object.assign(globalThis, { location: { origin: "http://127.0.0.1:4566" } });
  });
  const commands = (key: string) => commandsFor("eu-west-1", "orders", record(key, text("hello")));
  it("read the record, follow from it, and put it again", () => {
    expect(commands("k").map((command) => command.text)).toEqual([
      `aws --endpoint-url http://127.0.0.1:4566 --region eu-west-1 kinesis get-records --limit 1 --shard-iterator "$(aws --endpoint-url http://127.0.0.1:4566 --region eu-west-1 kinesis get-shard-iterator --stream-name orders --shard-id shardId-000000000001 --shard-iterator-type AT_SEQUENCE_NUMBER --starting-sequence-number ${NUMBER} --query ShardIterator --output text)"`,
      "millstream records tail orders --from 2026-01-02T03:04:05.006Z --endpoint-url http://127.0.0.1:4566 --region eu-west-1",
      "aws --endpoint-url http://127.0.0.1:4566 --region eu-west-1 kinesis put-record --cli-binary-format base64 --stream-name orders --partition-key k --data aGVsbG8=",
    ]);
  });
  it("run nothing that a record says", () => {
    expect(commands("'; rm -rf / #$(reboot)").at(-1)?.text).toContain(`--partition-key ''\\''; rm -rf / #$(reboot)' --data`);
  });
});
