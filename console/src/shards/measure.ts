//! What goes through shards now, by reading their newest records: needs no metrics, and finds the hash key under which
//! half of it lies.

import { GetRecordsCommand, GetShardIteratorCommand, type KinesisClient } from "@aws-sdk/client-kinesis";

import { deaggregate } from "../records/aggregated";
import { hashKeyOf, type MapShard } from "./geometry";

/** What was found in a shard. */
export interface Heat {
  recordsPerS: number;
  bytesPerS: number;
  /** Hash keys of the records, as they came. */
  hashKeys: bigint[];
  /** Whether there was more than was read: the rates are then of a shorter time. */
  isSample: boolean;
}

const WINDOW_MS = 60_000;
const CALLS_MAX = 4;
const RECORDS_PER_CALL = 2500;
const PARALLEL = 4;

/** Measures open shards over the last minute. Tells how far it is. */
export async function measure(
  kinesis: KinesisClient,
  stream: string,
  shards: readonly MapShard[],
  signal: AbortSignal,
  tell: (done: number) => void,
): Promise<Map<string, Heat>> {
  const heats = new Map<string, Heat>();
  const waiting = [...shards];
  const next = async () => {
    for (let shard = waiting.shift(); shard && !signal.aborted; shard = waiting.shift()) {
      heats.set(shard.id, await measureShard(kinesis, stream, shard.id, signal));
      tell(heats.size);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
  return heats;
}

async function measureShard(kinesis: KinesisClient, StreamName: string, ShardId: string, abortSignal: AbortSignal): Promise<Heat> {
  const from = Date.now() - WINDOW_MS;
  const start = await kinesis.send(
    new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "AT_TIMESTAMP", Timestamp: new Date(from) }),
    { abortSignal },
  );
  let iterator = start.ShardIterator;
  let [records, bytes, last] = [0, 0, from];
  const hashKeys: bigint[] = [];
  let isSample = true;
  for (let call = 0; call < CALLS_MAX && iterator; call += 1) {
    const answer: { Records?: { PartitionKey?: string; Data?: Uint8Array; ApproximateArrivalTimestamp?: Date }[]; NextShardIterator?: string; MillisBehindLatest?: number } =
      await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: RECORDS_PER_CALL }), { abortSignal });
    for (const record of answer.Records ?? []) {
      const data = record.Data ?? new Uint8Array();
      records += 1;
      bytes += data.length + (record.PartitionKey?.length ?? 0);
      last = record.ApproximateArrivalTimestamp?.getTime() ?? last;
      const inside = deaggregate(data);
      if (!inside) hashKeys.push(hashKeyOf(record.PartitionKey ?? ""));
      else for (const user of inside) hashKeys.push(user.explicitHashKey ? BigInt(user.explicitHashKey) : hashKeyOf(user.partitionKey));
    }
    iterator = answer.NextShardIterator;
    if ((answer.MillisBehindLatest ?? 0) === 0) {
      isSample = false;
      break;
    }
  }
  const seconds = Math.max((isSample ? last - from : WINDOW_MS) / 1000, 1);
  return { recordsPerS: records / seconds, bytesPerS: bytes / seconds, hashKeys, isSample };
}
