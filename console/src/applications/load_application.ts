//! Applications as their tables show them.

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { KinesisClient } from "@aws-sdk/client-kinesis";

import type { Access } from "../api/access";
import { describeTable, dynamodbOf, listTables, scanRows } from "../api/dynamodb";
import { kinesisOf, listShards, listStreams } from "../api/kinesis";
import { problemOf } from "../api/problem";
import { entityOf, type Lease, layoutOf, tablesOf } from "./lease";
import { pipelineOf, type Stage } from "../pipelines/reports";
import { type Candidate, streamsOf } from "./which_stream";

/** An application. */
export interface Application {
  name: string;
  leases: Lease[];
  /** Who assigns leases, in a fleet of the KCL 3. */
  leader?: string;
  /** Workers that reported of themselves, in a fleet of the KCL 3. */
  reporting: { id: string; updatedS: number }[];
  /** Tables beside the one of leases. */
  moreTables: string[];
  /** If it is a pipeline's: where its workers report, and which stage this is. */
  pipeline?: { table: string; stage: Stage };
  /** Rows that are no leases, and nothing that is known. */
  otherRows: number;
  /** Whether there are more leases than were read. */
  isMore: boolean;
}

/** More leases are not read at a time. */
const LEASES_MAX = 20_000;
/** More tables are not looked into at a time, nor more streams. */
export const TABLES_MAX = 300;
const STREAMS_MAX = 200;
const PARALLEL = 4;

const layouts = new WeakMap<Access, Map<string, ReturnType<typeof layoutOf>>>();

/** Names of tables that hold leases, all tables, and whether some were not looked at. A table's key never changes: it is asked for once. */
export async function applicationNames(access: Access, signal: AbortSignal): Promise<{ names: string[]; tables: string[]; isMore: boolean }> {
  const dynamodb = dynamodbOf(access);
  const tables = await listTables(dynamodb, signal);
  let known = layouts.get(access);
  if (!known) layouts.set(access, (known = new Map()));
  const found = known;
  const looked = tables.slice(0, TABLES_MAX);
  await inParallel(
    looked.filter((name) => !found.has(name)),
    async (name) => {
      const table = await describeTable(dynamodb, name, signal);
      found.set(name, layoutOf(name, (table.KeySchema ?? []).map((key) => ({ name: key.AttributeName ?? "", type: key.KeyType ?? "" }))));
    },
  );
  return { names: looked.filter((name) => found.get(name) === "leases"), tables, isMore: tables.length > looked.length };
}

/** An application; `tables` are all that there are, so that none is asked for that is not. */
export async function loadApplication(access: Access, name: string, tables: readonly string[], signal: AbortSignal): Promise<Application> {
  const dynamodb = dynamodbOf(access);
  const { rows, isMore } = await scanRows(dynamodb, name, LEASES_MAX, signal);
  const moreTables: string[] = [];
  for (const table of tablesOf(name).slice(1).filter((one) => tables.includes(one))) {
    const more = await scanIfThere(dynamodb, table, signal);
    if (more) {
      moreTables.push(table);
      rows.push(...more);
    }
  }
  const pipeline = pipelineOf(name, tables);
  const application: Application = { name, leases: [], reporting: [], moreTables, ...(pipeline && { pipeline }), otherRows: 0, isMore };
  for (const row of rows) {
    const entity = entityOf(row);
    if (entity.kind === "lease") application.leases.push(entity.lease);
    else if (entity.kind === "leader") application.leader = entity.owner;
    else if (entity.kind === "worker") application.reporting.push({ id: entity.id, updatedS: entity.updatedS });
    else application.otherRows += 1;
  }
  application.leases.sort((one, other) => (one.key < other.key ? -1 : 1));
  return application;
}

async function scanIfThere(dynamodb: DynamoDBClient, table: string, signal: AbortSignal) {
  try {
    return (await scanRows(dynamodb, table, LEASES_MAX, signal)).rows;
  } catch (error) {
    // It may be deleted meanwhile; a key may also be kept from it.
    if (["gone", "denied"].includes(problemOf(error).kind)) return undefined;
    throw error;
  }
}

/** The streams that applications may read, with their shards. */
export async function candidates(access: Access, signal: AbortSignal): Promise<Candidate[]> {
  const kinesis: KinesisClient = kinesisOf(access);
  const streams = (await listStreams(kinesis, signal)).slice(0, STREAMS_MAX).map((stream) => stream.StreamName ?? "");
  const found: Candidate[] = [];
  await inParallel(streams, async (stream) => {
    const shards = await listShards(kinesis, stream, signal).catch((error: unknown) => {
      if (problemOf(error).kind === "gone") return [];
      throw error;
    });
    found.push({
      stream,
      shards: shards.map((shard) => ({
        id: shard.ShardId ?? "",
        startingHashKey: BigInt(shard.HashKeyRange?.StartingHashKey ?? 0),
        endingHashKey: BigInt(shard.HashKeyRange?.EndingHashKey ?? 0),
        startingSequenceNumber: shard.SequenceNumberRange?.StartingSequenceNumber ?? "",
      })),
    });
  });
  return found;
}

/** The stream that an application reads, if only one fits best. */
export function streamOf(application: Application, all: readonly Candidate[]): { stream?: string; others: string[] } {
  const [stream, ...others] = streamsOf(application.name, application.leases, all);
  return { ...(stream !== undefined && { stream }), others };
}

/** Some at a time. */
export async function inParallel<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const next = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await each(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
}
