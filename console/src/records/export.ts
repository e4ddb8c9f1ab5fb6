//! Records as files and as commands.

import { aws, millstream } from "../shell/copy_for";
import { base64, utf8 } from "./bytes";
import type { ShownRecord } from "./reader";

/** A record as `millstream records tail --json` prints it. */
export function asObject(record: ShownRecord): Record<string, unknown> {
  const text = utf8(record.data);
  return {
    ShardId: record.shardId,
    SequenceNumber: record.sequenceNumber,
    ...(record.subSequenceNumber !== undefined && { SubSequenceNumber: record.subSequenceNumber }),
    ApproximateArrivalTimestamp: new Date(record.arrivedMs).toISOString(),
    PartitionKey: record.partitionKey,
    ...(text === undefined ? { DataBase64: base64(record.data) } : { Data: text }),
  };
}

export function jsonLines(records: readonly ShownRecord[]): string {
  return records.map((record) => `${JSON.stringify(asObject(record))}\n`).join("");
}

const COLUMNS = ["ShardId", "SequenceNumber", "SubSequenceNumber", "ApproximateArrivalTimestamp", "PartitionKey", "Data", "DataBase64"];

/** Comma-separated values as RFC 4180 has them. */
export function csv(records: readonly ShownRecord[]): string {
  const lines = records.map((record) => {
    const object = asObject(record);
    return COLUMNS.map((column) => field(object[column])).join(",");
  });
  return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

function field(value: unknown): string {
  const text = value === undefined ? "" : String(value);
  // A spreadsheet takes what begins so for a formula: it is text.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Commands that read a record again. */
export function commandsFor(region: string, stream: string, record: ShownRecord): { name: string; text: string }[] {
  const iterator = aws(region, "kinesis", "get-shard-iterator", "--stream-name", stream, "--shard-id", record.shardId,
    "--shard-iterator-type", "AT_SEQUENCE_NUMBER", "--starting-sequence-number", record.sequenceNumber, "--query", "ShardIterator", "--output", "text");
  return [
    { name: "aws, to read it", text: `${aws(region, "kinesis", "get-records", "--limit", "1", "--shard-iterator")} "$(${iterator})"` },
    { name: "millstream, to follow from here", text: millstream(region, "records", "tail", stream, "--from", new Date(record.arrivedMs).toISOString()) },
    {
      name: "aws, to put it again",
      text: aws(region, "kinesis", "put-record", "--cli-binary-format", "base64", "--stream-name", stream, "--partition-key", record.partitionKey, "--data", base64(record.data)),
    },
  ];
}

/** Has the browser save a file. */
export function save(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
