import { describe, expect, it } from "vitest";

import { compareNumbers, Merge } from "./merge";

const record = (shardId: string, arrivedMs: number, sequenceNumber = String(arrivedMs)) => ({ shardId, arrivedMs, sequenceNumber });

describe("merging shards by arrival", () => {
  it("holds records back while a shard may still give earlier ones", () => {
    const merge = new Merge();
    merge.add("a");
    merge.add("b");
    merge.push("a", [record("a", 1), record("a", 5)], false);
    expect(merge.take(10)).toEqual([]);
    merge.push("b", [record("b", 3)], false);
    expect(merge.take(10).map((one) => one.arrivedMs)).toEqual([1, 3]);
    expect(merge.take(10)).toEqual([]);
    merge.push("b", [], true);
    expect(merge.take(10).map((one) => one.arrivedMs)).toEqual([5]);
  });

  it("is held up by no shard that has ended", () => {
    const merge = new Merge();
    merge.add("a");
    merge.add("b");
    merge.push("a", [record("a", 2)], false);
    merge.end("b");
    expect(merge.take(10)).toHaveLength(1);
    expect(merge.isEmpty).toBe(true);
  });

  it("gives everything once, in order, whatever comes when", () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 50; round += 1) {
      const merge = new Merge();
      const shards = ["a", "b", "c", "d"].slice(0, 1 + random(4));
      const left = new Map(shards.map((shard) => [shard, Array.from({ length: random(40) }, () => random(1000)).sort((x, y) => x - y)]));
      const all = [...left.values()].reduce((sum, lane) => sum + lane.length, 0);
      for (const shard of shards) merge.add(shard);
      const out = [];
      for (let turn = 0; turn < 1000 && out.length < all; turn += 1) {
        const shard = shards[random(shards.length)]!;
        const some = left.get(shard)!.splice(0, random(8));
        merge.push(shard, some.map((at) => record(shard, at)), left.get(shard)!.length === 0);
        out.push(...merge.take(1 + random(10)));
      }
      const times = out.map((one) => one.arrivedMs);
      expect(times).toHaveLength(all);
      expect(times).toEqual([...times].sort((x, y) => x - y));
    }
  });

  it("orders sequence numbers as numbers", () => {
    expect(["10", "9", "100"].sort(compareNumbers)).toEqual(["9", "10", "100"]);
  });
});
