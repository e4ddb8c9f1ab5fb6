//! Leases in a table: the rows of the KCL 1.x to 3.5, of multi-stream applications, and of Millstream's own consumer.

import { compareNumbers } from "../records/merge";

/** A value as the table API sends it. */
export interface Cell {
  S?: string;
  N?: string;
  B?: Uint8Array;
  SS?: string[];
  BOOL?: boolean;
  M?: Record<string, Cell>;
  L?: Cell[];
  NULL?: boolean;
  NS?: string[];
  BS?: Uint8Array[];
}
export type Row = Record<string, Cell>;

export interface Lease {
  key: string;
  shardId: string;
  /** Only in tables of several streams. */
  stream?: string;
  owner?: string;
  /** Still finishing, while `owner` names who comes after it. */
  checkpointOwner?: string;
  counter: bigint;
  checkpoint: string;
  subSequenceNumber: number;
  pendingCheckpoint?: string;
  pendingState?: Uint8Array;
  ownerSwitches: number;
  parents: string[];
  children: string[];
  startingHashKey?: bigint;
  endingHashKey?: bigint;
  /** Where a lease at LATEST began, in milliseconds since 1970; kept by Millstream's own consumer. */
  latestAtMs?: number;
}

/** What a row is. */
export type Entity =
  | { kind: "lease"; lease: Lease }
  | { kind: "leader"; owner: string }
  | { kind: "worker"; id: string; updatedS: number }
  | { kind: "other"; name: string };

/** Which tables hold leases. */
export type Layout = "leases" | "coordinator" | "worker metrics";

/** Tells tables of applications from others by their key. */
export function layoutOf(tableName: string, keys: { name: string; type: string }[]): Layout | undefined {
  if (keys.length !== 1) return undefined;
  const key = keys[0]!.name;
  if (key === "leaseKey") return "leases";
  if (key === "key" && tableName.endsWith("-CoordinatorState")) return "coordinator";
  if (key === "wid" && tableName.endsWith("-WorkerMetricStats")) return "worker metrics";
  return undefined;
}

/** Names of all tables that an application may have. */
export function tablesOf(application: string): string[] {
  return [application, `${application}-CoordinatorState`, `${application}-WorkerMetricStats`];
}

/** Reads a row of any of an application's tables. */
export function entityOf(row: Row): Entity {
  const type = row.entityType?.S;
  const key = row.leaseKey?.S ?? row.key?.S ?? row.wid?.S ?? "";
  if (type === "LEADER" || (key === "Leader" && row.ownerName)) return { kind: "leader", owner: row.ownerName?.S ?? "" };
  if (type === "WORKER_METRIC_STATS" || row.wid) return { kind: "worker", id: key, updatedS: Number(row.lut?.N ?? 0) };
  if ((type !== undefined && type !== "LEASE") || row.leaseKey?.S === undefined) return { kind: "other", name: key };
  const lease = leaseOf(row, row.leaseKey.S);
  return lease ? { kind: "lease", lease } : { kind: "other", name: key };
}

function leaseOf(row: Row, key: string): Lease | undefined {
  const checkpoint = row.checkpoint?.S;
  const counter = row.leaseCounter?.N;
  if (checkpoint === undefined || counter === undefined || !/^\d+$/.test(counter)) return undefined;
  // account:stream:creation:shard, where one table serves several streams.
  const parts = key.split(":");
  const multi = parts.length === 4 ? { stream: parts[1]!, shardId: parts[3]! } : undefined;
  return {
    key,
    shardId: row.shardId?.S ?? multi?.shardId ?? key,
    ...(multi && { stream: multi.stream }),
    ...(row.leaseOwner?.S && { owner: row.leaseOwner.S }),
    ...(row.checkpointOwner?.S && { checkpointOwner: row.checkpointOwner.S }),
    counter: BigInt(counter),
    checkpoint,
    subSequenceNumber: Number(row.checkpointSubSequenceNumber?.N ?? 0),
    ...(row.pendingCheckpoint?.S && { pendingCheckpoint: row.pendingCheckpoint.S }),
    ...(row.pendingCheckpointState?.B && { pendingState: row.pendingCheckpointState.B }),
    ownerSwitches: Number(row.ownerSwitchesSinceCheckpoint?.N ?? 0),
    parents: row.parentShardId?.SS ?? [],
    children: row.childShardIds?.SS ?? [],
    ...hashKeys(row),
    ...(row.latestAtMs?.N && { latestAtMs: Number(row.latestAtMs.N) }),
  };
}

function hashKeys(row: Row): { startingHashKey?: bigint; endingHashKey?: bigint } {
  const [start, end] = [row.startingHashKey?.S ?? "", row.endingHashKey?.S ?? ""];
  if (!/^\d+$/.test(start) || !/^\d+$/.test(end)) return {};
  return { startingHashKey: BigInt(start), endingHashKey: BigInt(end) };
}

/** Whether a checkpoint names a record. */
export function isNumber(checkpoint: string): boolean {
  return /^\d+$/.test(checkpoint);
}

export const SHARD_END = "SHARD_END";

const SENTINELS = ["AT_TIMESTAMP", "TRIM_HORIZON", "LATEST"];

/** The order of checkpoints: sentinels before numbers, the shard's end behind all. */
export function compareCheckpoints(one: string, other: string): number {
  const rank = (checkpoint: string) =>
    checkpoint === SHARD_END ? 4 : isNumber(checkpoint) ? 3 : SENTINELS.indexOf(checkpoint);
  const [left, right] = [rank(one), rank(other)];
  return left === 3 && right === 3 ? compareNumbers(one, other) : left - right;
}

/** A step in which a shard may be stuck, for people. */
export function stuckStep(lease: Lease, leases: ReadonlyMap<string, Lease>, unchangedMs: number, patienceMs: number): string | undefined {
  if (lease.checkpoint === SHARD_END) {
    const missing = lease.children.filter((child) => ![...leases.values()].some((one) => one.shardId === child && one.stream === lease.stream));
    return missing.length > 0 ? `ended, but ${missing.join(" and ")} has no lease yet` : undefined;
  }
  const parents = [...leases.values()].filter(
    (one) => lease.parents.includes(one.shardId) && one.stream === lease.stream && one.checkpoint !== SHARD_END,
  );
  if (parents.length > 0) return `waits for the end of ${parents.map((parent) => parent.shardId).join(" and ")}`;
  if (!lease.owner) return "nobody has taken it";
  if (unchangedMs < patienceMs) return lease.checkpointOwner ? `${lease.checkpointOwner} hands it over` : undefined;
  return lease.checkpointOwner
    ? `the hand-over from ${lease.checkpointOwner} does not end`
    : `${lease.owner} does not renew it`;
}
