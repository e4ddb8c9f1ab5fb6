import { describe, expect, it } from "vitest";

import { decisionsOf, loadOf, type NumberedShard, reasonOf } from "./decisions";

const MIB = 1024 * 1024;
const START_S = 1_764_000_000;
/** A sequence number of a shard that was made then. */
const number = (index: number, createdS: number) => String((2n << 184n) | (BigInt(createdS) << 148n) | (BigInt(createdS) << 36n) | (BigInt(index) << 4n) | 2n);
const shard = (index: number, createdS: number, isOpen: boolean, ...parents: number[]): NumberedShard => ({
  id: `shardId-${String(index).padStart(12, "0")}`,
  start: 0n,
  end: 1n,
  isOpen,
  parents: parents.map((parent) => `shardId-${String(parent).padStart(12, "0")}`),
  startingSequenceNumber: number(index, createdS),
});

describe("decisions about an on-demand stream", () => {
  // 0 and 1 are split in one look, 1's right half and 2 an hour later; then two of the children are merged.
  const shards = [
    shard(0, START_S, false),
    shard(1, START_S, false),
    shard(2, START_S, false),
    shard(3, START_S + 60, true, 0),
    shard(4, START_S + 60, false, 0),
    shard(5, START_S + 61, false, 1),
    shard(6, START_S + 61, true, 1),
    shard(7, START_S + 3660, true, 2),
    shard(8, START_S + 3660, true, 2),
    shard(9, START_S + 90_000, true, 4, 5),
  ];
  it("are read from the lineage, the newest first, with the shards before and after", () => {
    expect(decisionsOf(shards).map(({ kind, atMs, before, after, parents }) => [kind, atMs / 1000 - START_S, before, after, parents.length])).toEqual([
      ["shrinks", 90_000, 6, 5, 2],
      ["grows", 3660, 5, 6, 1],
      ["grows", 60, 3, 5, 2],
    ]);
  });
  it("are one where shards are split and some of the halves merged at once", () => {
    const to3 = [shard(0, START_S, false), shard(1, START_S, false), shard(2, START_S + 60, true, 0), shard(3, START_S + 60, false, 0), shard(4, START_S + 60, false, 1), shard(5, START_S + 60, true, 1), shard(6, START_S + 61, true, 3, 4)];
    expect(decisionsOf(to3).map(({ kind, before, after }) => [kind, before, after])).toEqual([["grows", 2, 3]]);
  });
  it("are none for a stream that has its first shards, or whose numbers say nothing", () => {
    expect(decisionsOf(shards.slice(0, 3))).toEqual([]);
    expect(decisionsOf([{ ...shards[3]!, startingSequenceNumber: "12" }])).toEqual([]);
  });
  const decision = { kind: "grows", atMs: 600_000, before: 4, after: 5, parents: ["a"] } as const;
  const minute = (atMs: number, mibPerS: number) => ({ atMs, bytes: mibPerS * 60 * MIB, records: 1 });
  it.each([
    ["twice the peak wants more shards", [minute(540_000, 3)], undefined, { why: "capacity", wanted: 6, loadBytesPerS: 3 * MIB }],
    ["the peak is long ago", [minute(60_000, 3), minute(540_000, 0.5)], undefined, { why: "capacity", wanted: 6, loadBytesPerS: 0.5 * MIB }],
    ["the owner asked for it", [minute(540_000, 1)], 8, { why: "warm throughput", wanted: 8, loadBytesPerS: MIB }],
    ["the owner asked for it before anything came", [], 8, { why: "warm throughput", wanted: 8 }],
    ["the capacity is there, so one shard was hot", [minute(540_000, 1)], 4, { why: "hot shard", loadBytesPerS: MIB }],
    ["what comes later is not its reason", [minute(660_000, 9)], undefined, { why: "not known" }],
  ])("have a reason: %s", (_, minutes, warm, reason) => expect(reasonOf({ ...decision, parents: ["a"] }, minutes, warm)).toEqual(reason));
  it("merge what rests", () => {
    expect(reasonOf({ ...decision, kind: "shrinks", parents: ["a", "b"] }, [minute(540_000, 9)], 8).why).toBe("rest");
  });
  it("weigh small records as a shard's count of them", () => {
    expect(loadOf({ atMs: 0, bytes: 60, records: 120_000 })).toBe(2 * MIB);
    expect(loadOf({ atMs: 0, bytes: 60 * MIB, records: 1 })).toBe(MIB);
  });
});
