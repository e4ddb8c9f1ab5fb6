//! What became of an on-demand stream's shards, and why: its lineage tells when they were split and merged, its metrics
//! what came before that. The server's own words are in its log: no call of the API tells them.

import type { MapShard } from "./geometry";
import { parseSequenceNumber } from "./sequence_number";

/** Splits and merges that were begun together: to grow to six shards, four are split, and two pairs of the eight merged. */
export interface Decision {
  /** Whether there were more shards than before, or fewer. */
  kind: "grows" | "shrinks";
  /** When the new shards were made. */
  atMs: number;
  /** Open shards before and after. */
  before: number;
  after: number;
  /** What was split or merged. */
  parents: string[];
}

/** What a stream took in a minute. */
export interface Minute {
  /** Its beginning. */
  atMs: number;
  bytes: number;
  records: number;
}

/** A shard, and where its numbers begin. */
export type NumberedShard = MapShard & { startingSequenceNumber: string };

/** Shards that are made within this time are of one decision: the server looks once a minute. */
const TOGETHER_MS = 20_000;
/** What a shard takes a second. */
const SHARD_BYTES_PER_S = 1024 * 1024;
const SHARD_RECORDS_PER_S = 1000;
/** The capacity is kept at so many times the peak. */
const HEADROOM = 2;
const MINUTE_MS = 60_000;

/** Decisions, the newest first, as far back as closed shards are kept. */
export function decisionsOf(shards: readonly NumberedShard[]): Decision[] {
  const madeMs = new Map(shards.map((shard) => [shard.id, (parseSequenceNumber(shard.startingSequenceNumber)?.shardCreatedS ?? 0) * 1000]));
  const children = shards
    .filter((shard) => shard.parents.length > 0 && madeMs.get(shard.id)! > 0)
    .sort((one, other) => madeMs.get(one.id)! - madeMs.get(other.id)! || (one.id < other.id ? -1 : 1));
  const groups: NumberedShard[][] = [];
  for (const child of children) {
    const group = groups.at(-1);
    const first = group?.[0];
    const isOfIt = first && madeMs.get(child.id)! - madeMs.get(first.id)! <= TOGETHER_MS;
    if (isOfIt) group!.push(child);
    else groups.push([child]);
  }
  // Backwards from what is open now: the oldest parents may be forgotten already.
  let after = shards.filter((shard) => shard.isOpen).length;
  return groups.reverse().map((group) => {
    const parents = [...new Set(group.flatMap((child) => child.parents))].sort();
    const before = after - group.length + parents.length;
    const decision: Decision = { kind: after > before ? "grows" : "shrinks", atMs: madeMs.get(group[0]!.id)!, before, after, parents };
    after = before;
    return decision;
  });
}

/** What a minute weighs, in bytes a second: small records weigh as much as makes a shard's records a shard's bytes. */
export function loadOf({ bytes, records }: Minute): number {
  return Math.max(bytes, (records * SHARD_BYTES_PER_S) / SHARD_RECORDS_PER_S) / (MINUTE_MS / 1000);
}

/** Why a decision was made, by the rules of `docs/on-demand.md`. */
export interface Reason {
  /** Bytes a second of the busiest of the last whole minutes before it; undefined where nothing was measured. */
  loadBytesPerS?: number;
  why: "warm throughput" | "capacity" | "hot shard" | "rest" | "not known";
  /** Shards that the capacity wants; where it is known. */
  wanted?: number;
}

/** The reason as far as the stream's metrics and its warm throughput, in MiB/s, tell. */
export function reasonOf(decision: Decision, minutes: readonly Minute[], warmMibps: number | undefined): Reason {
  const before = minutes.filter((minute) => minute.atMs <= decision.atMs);
  const near = before.filter((minute) => minute.atMs >= decision.atMs - 3 * MINUTE_MS).map(loadOf);
  const loadBytesPerS = near.length > 0 ? Math.max(...near) : undefined;
  const known = { ...(loadBytesPerS !== undefined && { loadBytesPerS }) };
  if (decision.kind === "shrinks") return { ...known, why: "rest" };
  const peak = Math.max(0, ...before.map(loadOf));
  const forPeak = Math.ceil((peak * HEADROOM) / SHARD_BYTES_PER_S);
  if (forPeak > decision.before) return { ...known, why: "capacity", wanted: forPeak };
  if (warmMibps !== undefined && warmMibps > decision.before) return { ...known, why: "warm throughput", wanted: warmMibps };
  return { ...known, why: loadBytesPerS === undefined ? "not known" : "hot shard" };
}
