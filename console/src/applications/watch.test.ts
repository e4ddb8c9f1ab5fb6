import { describe, expect, it } from "vitest";

import type { Lease } from "./lease";
import { RenewalWatch } from "./renewals";
import { streamsOf } from "./which_stream";

const lease = (shardId: string, more: Partial<Lease> = {}): Lease => ({
  key: shardId,
  shardId,
  owner: "a",
  counter: 1n,
  checkpoint: "TRIM_HORIZON",
  subSequenceNumber: 0,
  ownerSwitches: 0,
  parents: [],
  children: [],
  ...more,
});

describe("renewals", () => {
  it("are seen by the counter, from the first look on", () => {
    const watch = new RenewalWatch();
    watch.observe([lease("s")], 1000);
    expect(watch.unchangedMs("s", 5000)).toBe(4000);
    expect(watch.renewedMs("s")).toBeUndefined();
    watch.observe([lease("s", { counter: 2n })], 6000);
    expect(watch.unchangedMs("s", 6500)).toBe(500);
    expect(watch.renewedMs("s")).toBe(6000);
    expect(watch.unchangedMs("other", 9999)).toBe(0);
  });
  it("tell who took over, newest first, and forget what is gone", () => {
    const watch = new RenewalWatch();
    const { owner: _, ...unowned } = lease("s");
    watch.observe([lease("s"), lease("t")], 1);
    watch.observe([unowned, lease("t")], 2);
    watch.observe([lease("s", { owner: "b", counter: 2n })], 3);
    expect(watch.handOvers).toEqual([
      { atMs: 3, shardId: "s", to: "b" },
      { atMs: 2, shardId: "s", from: "a" },
    ]);
    watch.observe([lease("t")], 4);
    expect(watch.unchangedMs("t", 5)).toBe(1);
  });
});

describe("the stream of an application", () => {
  // Two streams of one shard each, made at different seconds.
  const number = (createdS: number, index: bigint) => String((2n << 184n) | (BigInt(createdS) << 148n) | (index << 80n) | (BigInt(createdS) << 36n) | 2n);
  const stream = (name: string, createdS: number, endingHashKey = 9n) => ({
    stream: name,
    shards: [{ id: "shardId-000000000000", startingHashKey: 0n, endingHashKey, startingSequenceNumber: number(createdS, 0n) }],
  });
  const both = [stream("orders", 1_764_000_000), stream("trades", 1_764_000_100)];
  const one = (more: Partial<Lease> = {}) => lease("shardId-000000000000", more);

  it("is proven by the numbers of its checkpoints", () => {
    expect(streamsOf("orders-app", [one({ checkpoint: number(1_764_000_100, 7n) })], both)).toEqual(["trades"]);
  });
  it("is guessed by its name where there are no numbers", () => {
    expect(streamsOf("trades-app", [one()], both)).toEqual(["trades", "orders"]);
  });
  it("is none whose shards lie elsewhere, and none at all if nothing fits", () => {
    const ranged = one({ startingHashKey: 0n, endingHashKey: 8n });
    expect(streamsOf("app", [ranged], [...both, stream("eight", 5, 8n)])).toEqual(["eight"]);
    expect(streamsOf("app", [lease("shardId-000000000009")], both)).toEqual([]);
    expect(streamsOf("app", [one({ checkpoint: number(5, 1n) })], both)).toEqual([]);
  });
  it("is named by leases of several streams", () => {
    expect(streamsOf("app", [one({ stream: "trades" })], both)).toEqual(["trades"]);
  });
});
