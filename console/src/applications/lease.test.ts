import { describe, expect, it } from "vitest";

import { lagOf, total } from "./lag";
import { compareCheckpoints, entityOf, type Lease, layoutOf, type Row, stuckStep, tablesOf } from "./lease";

const row = (more: Row = {}): Row => ({
  leaseKey: { S: "shardId-000000000001" },
  leaseOwner: { S: "worker-a" },
  leaseCounter: { N: "41" },
  checkpoint: { S: "TRIM_HORIZON" },
  checkpointSubSequenceNumber: { N: "0" },
  ownerSwitchesSinceCheckpoint: { N: "2" },
  ...more,
});
const leaseOf = (more: Row = {}): Lease => {
  const entity = entityOf(row(more));
  if (entity.kind !== "lease") throw new Error(`this is ${entity.kind}`);
  return entity.lease;
};

describe("lease tables", () => {
  it("of the KCL 1.x and 2.x are read", () => {
    expect(leaseOf({ parentShardId: { SS: ["shardId-000000000000"] }, startingHashKey: { S: "0" }, endingHashKey: { S: "9" } })).toMatchObject({
      shardId: "shardId-000000000001",
      owner: "worker-a",
      counter: 41n,
      ownerSwitches: 2,
      parents: ["shardId-000000000000"],
      startingHashKey: 0n,
      endingHashKey: 9n,
    });
  });
  it("without an owner have none", () => {
    const { leaseOwner: _, ...unowned } = row();
    expect(entityOf(unowned)).toMatchObject({ kind: "lease", lease: expect.not.objectContaining({ owner: expect.anything() }) });
  });
  it("of several streams name the stream", () => {
    const key = "111122223333:orders:1764000000:shardId-000000000004";
    expect(leaseOf({ leaseKey: { S: key }, streamName: { S: "111122223333:orders:1764000000" }, shardId: { S: "shardId-000000000004" } })).toMatchObject({ stream: "orders", shardId: "shardId-000000000004" });
  });
  it("of 3.5 hold other rows too", () => {
    expect(leaseOf({ entityType: { S: "LEASE" } }).counter).toBe(41n);
    expect(entityOf({ leaseKey: { S: "Leader" }, ownerName: { S: "w" }, entityType: { S: "LEADER" } })).toEqual({ kind: "leader", owner: "w" });
    expect(entityOf({ leaseKey: { S: "w-1" }, lut: { N: "1764000000" }, entityType: { S: "WORKER_METRIC_STATS" } })).toEqual({ kind: "worker", id: "w-1", updatedS: 1_764_000_000 });
    expect(entityOf({ leaseKey: { S: "TableMigration3.5" }, tm: { S: "x" }, entityType: { S: "TABLE_MIGRATION" } }).kind).toBe("other");
  });
  it("of 3.0 to 3.4 have two more beside them", () => {
    expect(entityOf({ key: { S: "Leader" }, ownerName: { S: "w" } })).toEqual({ kind: "leader", owner: "w" });
    expect(entityOf({ wid: { S: "w-1" }, lut: { N: "5" } })).toEqual({ kind: "worker", id: "w-1", updatedS: 5 });
    expect(layoutOf("app", [{ name: "leaseKey", type: "HASH" }])).toBe("leases");
    expect(layoutOf("app-CoordinatorState", [{ name: "key", type: "HASH" }])).toBe("coordinator");
    expect(layoutOf("app-WorkerMetricStats", [{ name: "wid", type: "HASH" }])).toBe("worker metrics");
    expect(layoutOf("orders", [{ name: "key", type: "HASH" }])).toBeUndefined();
    expect(layoutOf("orders", [{ name: "leaseKey", type: "HASH" }, { name: "at", type: "RANGE" }])).toBeUndefined();
    expect(tablesOf("app")).toHaveLength(3);
  });
  it("with rows that lack what a lease has are not leases", () => {
    for (const name of ["checkpoint", "leaseCounter"]) {
      const broken = row();
      delete broken[name];
      expect(entityOf(broken).kind).toBe("other");
    }
    expect(entityOf(row({ leaseCounter: { N: "x" } })).kind).toBe("other");
    expect(entityOf({}).kind).toBe("other");
  });
});

describe("checkpoints", () => {
  it("stand in the KCL's order", () => {
    const order = ["AT_TIMESTAMP", "TRIM_HORIZON", "LATEST", "99", "100", "SHARD_END"];
    expect([...order].reverse().sort(compareCheckpoints)).toEqual(order);
  });
});

describe("a shard that is stuck names its step", () => {
  const all = (...leases: Lease[]) => new Map(leases.map((lease) => [lease.key, lease]));
  const parent = leaseOf({ leaseKey: { S: "p" }, checkpoint: { S: "7" } });
  const child = leaseOf({ leaseKey: { S: "c" }, parentShardId: { SS: ["p"] } });

  it("waits for its parents", () => {
    expect(stuckStep(child, all(parent, child), 0, 1000)).toBe("waits for the end of p");
    expect(stuckStep(child, all({ ...parent, checkpoint: "SHARD_END" }, child), 0, 1000)).toBeUndefined();
    expect(stuckStep(child, all(child), 0, 1000)).toBeUndefined();
  });
  it("is nobody's, or is not renewed", () => {
    const { owner: _, ...unowned } = parent;
    expect(stuckStep(unowned, all(unowned), 0, 1000)).toBe("nobody has taken it");
    expect(stuckStep(parent, all(parent), 1000, 1000)).toBe("worker-a does not renew it");
    expect(stuckStep({ ...parent, checkpointOwner: "old" }, all(parent), 1000, 1000)).toBe("the hand-over from old does not end");
  });
  it("ended without its children", () => {
    const ended = { ...parent, checkpoint: "SHARD_END", children: ["c", "d"] };
    expect(stuckStep(ended, all(ended, child), 0, 1000)).toBe("ended, but d has no lease yet");
    expect(stuckStep({ ...ended, children: ["c"] }, all(ended, child), 0, 1000)).toBeUndefined();
  });
});

describe("lag", () => {
  it("is the age of the oldest record that is not done", () => {
    expect(lagOf({ found: 3, firstArrivedMs: 1000, isMore: false }, 5000)).toEqual({ behindMs: 4000, records: 3, isAtLeast: false });
    expect(lagOf({ found: 0, isMore: false }, 5000)).toEqual({ behindMs: 0, records: 0, isAtLeast: false });
    expect(lagOf({ found: 1, firstArrivedMs: 5010, isMore: true }, 5000).behindMs).toBe(0);
  });
  it("of an application is that of its last shard, with everybody's records", () => {
    expect(total([{ behindMs: 5, records: 2, isAtLeast: false }, { behindMs: 9, records: 100, isAtLeast: true }])).toEqual({ behindMs: 9, records: 102, isAtLeast: true });
    expect(total([])).toEqual({ behindMs: 0, records: 0, isAtLeast: false });
  });
});
