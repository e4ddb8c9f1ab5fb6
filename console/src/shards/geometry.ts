//! The hash space and the shards on it: where they lie, how they descend, what a change would make of them.

import { md5 } from "@noble/hashes/legacy.js";

/** One more than the largest hash key. */
export const HASH_SPACE = 2n ** 128n;

/** A shard, as far as the map needs it. */
export interface MapShard {
  id: string;
  /** First hash key. */
  start: bigint;
  /** Last hash key, inclusive. */
  end: bigint;
  isOpen: boolean;
  parents: string[];
}

/** A part of the strip, in parts of a million from its left: no number holds 128 bits. */
export interface Span {
  from: number;
  width: number;
}

const PARTS = 1_000_000;

export function spanOf(shard: Pick<MapShard, "start" | "end">): Span {
  const from = Number((shard.start * BigInt(PARTS)) / HASH_SPACE);
  const to = Number(((shard.end + 1n) * BigInt(PARTS)) / HASH_SPACE);
  return { from: from / PARTS, width: Math.max(to - from, 0) / PARTS };
}

/** A shard's share of the hash space, in percent. */
export function sharePercent(shard: Pick<MapShard, "start" | "end">): number {
  return Number(((shard.end - shard.start + 1n) * 1_000_000n) / HASH_SPACE) / 10_000;
}

/** Where a partition key falls. */
export function hashKeyOf(partitionKey: string): bigint {
  const digest = md5(new TextEncoder().encode(partitionKey));
  return digest.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}

/** The open shard that takes a hash key; undefined if none does, as between a split and its children. */
export function shardFor(shards: readonly MapShard[], hashKey: bigint): MapShard | undefined {
  return shards.find((shard) => shard.isOpen && shard.start <= hashKey && hashKey <= shard.end);
}

/** The hash key in the middle: where SplitShard halves a shard. Undefined for a shard that cannot be split. */
export function middleOf(shard: Pick<MapShard, "start" | "end">): bigint | undefined {
  return shard.end > shard.start ? shard.start + (shard.end - shard.start + 1n) / 2n : undefined;
}

/** Why a shard cannot be split here; undefined if it can. */
export function splitComplaint(shard: MapShard, at: bigint): string | undefined {
  if (!shard.isOpen) return `${shard.id} is closed`;
  if (at <= shard.start || at > shard.end) {
    return `the first hash key of the right half lies between ${shard.start + 1n} and ${shard.end}`;
  }
  return undefined;
}

/** The open neighbours of a shard, left and right. */
export function neighboursOf(shards: readonly MapShard[], shard: MapShard): { left?: MapShard; right?: MapShard } {
  const open = shards.filter((one) => one.isOpen);
  const left = open.find((one) => one.end + 1n === shard.start);
  const right = open.find((one) => one.start === shard.end + 1n);
  return { ...(left && { left }), ...(right && { right }) };
}

/** The hash key under which half of what was measured lies; undefined if nothing in the shard was. */
export function measuredMiddle(shard: Pick<MapShard, "start" | "end">, hashKeys: readonly bigint[]): bigint | undefined {
  const inside = hashKeys.filter((key) => shard.start <= key && key <= shard.end).sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  const middle = inside[Math.floor(inside.length / 2)];
  // The left half must not be empty.
  return middle !== undefined && middle > shard.start ? middle : undefined;
}

/** Generations: shards without parents that are still known are the first; a child is one below its lowest parent. */
export function generationsOf(shards: readonly MapShard[]): MapShard[][] {
  const byId = new Map(shards.map((shard) => [shard.id, shard]));
  const depths = new Map<string, number>();
  // Not by recursion: a stream may have been split thousands of times.
  const depthOf = (first: MapShard): number => {
    const waiting = [first];
    while (waiting.length > 0) {
      const shard = waiting.at(-1)!;
      const parents = shard.parents.flatMap((id) => byId.get(id) ?? []);
      const unknown = parents.filter((parent) => !depths.has(parent.id));
      // A circle cannot be; if a server says so, it does not hang the page.
      if (unknown.length > 0 && waiting.length <= shards.length) {
        waiting.push(...unknown);
        continue;
      }
      depths.set(shard.id, Math.max(-1, ...parents.map((parent) => depths.get(parent.id) ?? -1)) + 1);
      waiting.pop();
    }
    return depths.get(first.id)!;
  };
  const generations: MapShard[][] = [];
  for (const shard of shards) {
    const depth = depths.get(shard.id) ?? depthOf(shard);
    (generations[depth] ??= []).push(shard);
  }
  return generations.map((row) => row.sort((one, other) => (one.start < other.start ? -1 : 1)));
}

/** Open shards of the same width: what UpdateShardCount aims at. */
export function evenShards(count: number): MapShard[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `new ${index + 1}`,
    start: (HASH_SPACE * BigInt(index)) / BigInt(count),
    end: (HASH_SPACE * BigInt(index + 1)) / BigInt(count) - 1n,
    isOpen: true,
    parents: [],
  }));
}
