//! Reading what lies behind a checkpoint: how much there is, and which record a checkpoint at a time would name.

import { GetRecordsCommand, GetShardIteratorCommand, type KinesisClient, type _Record } from "@aws-sdk/client-kinesis";

import { deaggregate } from "../records/aggregated";
import { compareNumbers } from "../records/merge";
import type { Look } from "./lag";
import { isNumber, type Lease } from "./lease";

/** Where a checkpoint is, for a look: a number, a sentinel, or a time. */
export type Place = Pick<Lease, "shardId" | "checkpoint" | "latestAtMs">;

const LOOK_RECORDS = 100;
/** Empty answers before the tip: the server passed over what is expired or deleted. */
const EMPTY_MAX = 5;

async function iteratorBehind(kinesis: KinesisClient, StreamName: string, place: Place, abortSignal?: AbortSignal): Promise<string | undefined> {
  const { checkpoint } = place;
  const start = isNumber(checkpoint)
    ? ({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: checkpoint } as const)
    : checkpoint === "TRIM_HORIZON"
      ? ({ ShardIteratorType: "TRIM_HORIZON" } as const)
      : checkpoint === "LATEST" && place.latestAtMs !== undefined
        ? ({ ShardIteratorType: "AT_TIMESTAMP", Timestamp: new Date(place.latestAtMs) } as const)
        : undefined;
  if (!start) return undefined;
  const answer = await kinesis.send(new GetShardIteratorCommand({ StreamName, ShardId: place.shardId, ...start }), { abortSignal });
  return answer.ShardIterator;
}

/** A first look at what is behind a checkpoint; undefined where that cannot be told, as at LATEST. */
export async function lookBehind(kinesis: KinesisClient, stream: string, place: Place, signal?: AbortSignal): Promise<Look | undefined> {
  let iterator = await iteratorBehind(kinesis, stream, place, signal);
  if (!iterator) return undefined;
  for (let turn = 0; turn < EMPTY_MAX && iterator; turn += 1) {
    const answer: Page = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: LOOK_RECORDS }), { abortSignal: signal });
    const records = answer.Records ?? [];
    const isMore = (answer.MillisBehindLatest ?? 0) > 0;
    if (records.length > 0) {
      const firstArrivedMs = records[0]?.ApproximateArrivalTimestamp?.getTime();
      return { found: records.length, isMore, ...(firstArrivedMs !== undefined && { firstArrivedMs }) };
    }
    if (!isMore) break;
    iterator = answer.NextShardIterator;
  }
  return { found: 0, isMore: false };
}

interface Page {
  Records?: _Record[];
  NextShardIterator?: string;
  MillisBehindLatest?: number;
}

/** Records from one place to the end or to a sequence number, which is counted too; at most so many are read. */
export async function countBetween(
  kinesis: KinesisClient,
  stream: string,
  from: Place,
  to: string | undefined,
  countMax: number,
  signal: AbortSignal,
): Promise<{ count: number; isAtLeast: boolean }> {
  let iterator = await iteratorBehind(kinesis, stream, from, signal);
  let count = 0;
  let empty = 0;
  while (iterator) {
    const answer: Page = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 5000 }), { abortSignal: signal });
    const records = answer.Records ?? [];
    for (const record of records) {
      if (to !== undefined && compareNumbers(record.SequenceNumber ?? "", to) > 0) return { count, isAtLeast: false };
      count += 1;
    }
    if (count >= countMax) return { count, isAtLeast: true };
    empty = records.length === 0 ? empty + 1 : 0;
    if ((answer.MillisBehindLatest ?? 0) === 0 || empty > EMPTY_MAX) break;
    iterator = answer.NextShardIterator;
  }
  return { count, isAtLeast: false };
}

/** How far back a record before a time is looked for: first near it, at last from the beginning. */
const LOOKS_BACK_MS = [1000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000, undefined];

/** A checkpoint behind which reading begins with the first record that arrived at or after a time. */
export async function checkpointBefore(
  kinesis: KinesisClient,
  stream: string,
  shardId: string,
  time: Date,
  signal: AbortSignal,
): Promise<{ checkpoint: string; subSequenceNumber: number }> {
  for (const back of LOOKS_BACK_MS) {
    const start = back === undefined ? ({ ShardIteratorType: "TRIM_HORIZON" } as const) : ({ ShardIteratorType: "AT_TIMESTAMP", Timestamp: new Date(time.getTime() - back) } as const);
    const answer = await kinesis.send(new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...start }), { abortSignal: signal });
    const last = await lastBefore(kinesis, answer.ShardIterator, time, signal);
    if (last) {
      // All records inside an aggregated one are done with it.
      const inside = deaggregate(last.Data ?? new Uint8Array())?.length ?? 1;
      return { checkpoint: last.SequenceNumber ?? "", subSequenceNumber: Math.max(inside - 1, 0) };
    }
  }
  return { checkpoint: "TRIM_HORIZON", subSequenceNumber: 0 };
}

async function lastBefore(kinesis: KinesisClient, first: string | undefined, time: Date, signal: AbortSignal): Promise<_Record | undefined> {
  let last: _Record | undefined;
  let empty = 0;
  for (let iterator = first; iterator; ) {
    const answer: Page = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 10_000 }), { abortSignal: signal });
    for (const record of answer.Records ?? []) {
      if ((record.ApproximateArrivalTimestamp?.getTime() ?? 0) >= time.getTime()) return last;
      last = record;
    }
    empty = answer.Records?.length ? 0 : empty + 1;
    if ((answer.MillisBehindLatest ?? 0) === 0 || empty > EMPTY_MAX) break;
    iterator = answer.NextShardIterator;
  }
  return last;
}
