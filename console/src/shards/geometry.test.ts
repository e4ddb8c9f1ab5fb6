import { describe, expect, it } from "vitest";

import { evenShards, generationsOf, HASH_SPACE, hashKeyOf, type MapShard, measuredMiddle, middleOf, neighboursOf, shardFor, sharePercent, spanOf, splitComplaint } from "./geometry";
import { isSameShard, parseSequenceNumber } from "./sequence_number";

const HALF = HASH_SPACE / 2n;
const shard = (id: string, start: bigint, end: bigint, more: Partial<MapShard> = {}): MapShard => ({ id, start, end, isOpen: true, parents: [], ...more });
const whole = shard("0", 0n, HASH_SPACE - 1n);
const left = shard("1", 0n, HALF - 1n);
const right = shard("2", HALF, HASH_SPACE - 1n);

describe("the hash space", () => {
  it("is filled by its shards", () => {
    expect(spanOf(whole)).toEqual({ from: 0, width: 1 });
    expect(spanOf(right)).toEqual({ from: 0.5, width: 0.5 });
    expect(sharePercent(left)).toBe(50);
    const third = shard("3", HASH_SPACE / 3n, (HASH_SPACE * 2n) / 3n - 1n);
    expect(spanOf(third).from + spanOf(third).width).toBeCloseTo(2 / 3, 5);
  });

  it("has each partition key where the API puts it", () => {
    // MD5 of the UTF-8 text.
    expect(hashKeyOf("").toString(16)).toBe("d41d8cd98f00b204e9800998ecf8427e");
    expect(hashKeyOf("müll").toString(16).padStart(32, "0")).toHaveLength(32);
    expect(shardFor([{ ...whole, isOpen: false }, left, right], hashKeyOf(""))?.id).toBe("2");
    expect(shardFor([left], HALF)).toBeUndefined();
  });

  it("is split in the middle, or where what was measured is", () => {
    expect(middleOf(whole)).toBe(HALF);
    expect(middleOf(shard("x", 5n, 5n))).toBeUndefined();
    expect(middleOf(shard("x", 5n, 6n))).toBe(6n);
    expect(measuredMiddle(whole, [9n, 1n, 2n, 8n, 7n])).toBe(7n);
    expect(measuredMiddle(right, [1n, 2n])).toBeUndefined();
    expect(measuredMiddle(shard("x", 5n, 9n), [5n, 5n, 5n])).toBeUndefined();
    expect(splitComplaint(whole, 0n)).toContain("between 1 and");
    expect(splitComplaint({ ...whole, isOpen: false }, 5n)).toBe("0 is closed");
    expect(splitComplaint(whole, HASH_SPACE - 1n)).toBeUndefined();
  });

  it("is cut evenly without a gap", () => {
    const shards = evenShards(7);
    expect(shards[0]!.start).toBe(0n);
    expect(shards.at(-1)!.end).toBe(HASH_SPACE - 1n);
    for (const [at, one] of shards.slice(1).entries()) expect(one.start).toBe(shards[at]!.end + 1n);
  });

  it("knows who lies beside whom, among the open", () => {
    expect(neighboursOf([whole, left, right].map((one) => (one === whole ? { ...one, isOpen: false } : one)), left)).toEqual({ right });
    expect(neighboursOf([left, right], right)).toEqual({ left });
  });
});

describe("lineage", () => {
  it("puts children below their lowest parent", () => {
    const shards = [
      { ...whole, isOpen: false },
      { ...left, parents: ["0"], isOpen: false },
      { ...right, parents: ["0"] },
      shard("4", 0n, 9n, { parents: ["1"], isOpen: false }),
      shard("5", 10n, HASH_SPACE - 1n, { parents: ["4", "2"] }),
    ];
    expect(generationsOf(shards).map((row) => row.map((one) => one.id))).toEqual([["0"], ["1", "2"], ["4"], ["5"]]);
  });
  it("begins with shards whose parents are not kept any more", () => {
    expect(generationsOf([shard("7", 0n, 1n, { parents: ["3"] })])).toHaveLength(1);
  });
  it("ends for a circle, and goes deep", () => {
    generationsOf([shard("a", 0n, 1n, { parents: ["b"] }), shard("b", 0n, 1n, { parents: ["a"] })]);
    const line = Array.from({ length: 5000 }, (_, at) => shard(String(at), 0n, 1n, { parents: at > 0 ? [String(at - 1)] : [] }));
    expect(generationsOf(line.reverse())).toHaveLength(5000);
  });
});

describe("sequence numbers", () => {
  it("say what AWS's own say", () => {
    expect(parseSequenceNumber("49594189147623985939251953501666965394405037144469929986")).toMatchObject({ shardIndex: 0, shardCreatedS: Date.parse("2019-03-26T02:51:52Z") / 1000 });
    expect(parseSequenceNumber("49674026002850188218576229259473476449429298564223254594")).toMatchObject({
      shardIndex: 3076,
      shardCreatedS: Date.parse("2026-04-27T19:47:17Z") / 1000,
      writtenS: Date.parse("2026-04-27T20:00:18Z") / 1000,
    });
    expect(parseSequenceNumber("49670023483232461788730612813735157811693693431491592722")?.shardIndex).toBe(33);
  });
  it("are not read where they are none", () => {
    for (const text of ["", "TRIM_HORIZON", "123", "9".repeat(56)]) expect(parseSequenceNumber(text)).toBeUndefined();
    expect(isSameShard("LATEST", "LATEST")).toBe(false);
  });
});
