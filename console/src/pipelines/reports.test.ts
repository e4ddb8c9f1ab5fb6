import { describe, expect, it } from "vitest";

import { livingReports, pipelineOf, type ShardProgress, shardsOf, sinksOf, type SinkReport } from "./reports";

const NOW_MS = 1_000_000;
const sink = (name: string, more: Partial<SinkReport> = {}): SinkReport => ({ name, delivered: 1, delivered_bytes: 10, rejected: 0, retried: 0, skipped: 0, flush_ms: 4, flushes: 2, last_error: null, ...more });
const shard = (shard_id: string, more: Partial<ShardProgress> = {}): ShardProgress => ({ stage: "source", shard_id, records_in: 5, bytes_in: 50, values_out: 4, rejected: 1, ...more });
const row = (worker_id: string, at_ms: number, shards: ShardProgress[] = [], sinks: SinkReport[] = []) => ({ name: { S: `report/${worker_id}` }, report: { S: JSON.stringify({ worker_id, at_ms, shards, sinks }) } });

describe("a pipeline", () => {
  it("is told by its table of states, in either stage", () => {
    const tables = ["trades", "trades-state", "trades-windows", "other", "a-windows", "a-windows-state"];
    expect(pipelineOf("trades", tables)).toEqual({ table: "trades-state", stage: "source" });
    expect(pipelineOf("trades-windows", tables)).toEqual({ table: "trades-state", stage: "windows" });
    expect(pipelineOf("a-windows", tables)).toEqual({ table: "a-windows-state", stage: "source" });
    expect(pipelineOf("other", tables)).toBeUndefined();
  });

  it("has the workers that were heard of in the last half minute", () => {
    const rows = [row("b", NOW_MS - 30_000), row("a", NOW_MS), row("dead", NOW_MS - 30_001), { name: { S: "report/broken" }, report: { S: "{" } }, { name: { S: "report/other" }, report: { S: "{}" } }, { name: { S: "windows/x" }, report: { S: "{}" } }];
    expect(livingReports(rows, NOW_MS).map((report) => report.worker_id)).toEqual(["a", "b"]);
  });

  it("has shards of each stage, and sinks of all workers together", () => {
    const rows = [
      row("a", NOW_MS, [shard("s-2"), shard("s-9", { stage: "windows" })], [sink("s3"), sink("files", { last_error: "full" })]),
      row("b", NOW_MS, [shard("s-1", { last_error: "no" })], [sink("files", { delivered: 41, last_error: "later" }), sink("s3", { last_error: "away" })]),
    ];
    const reports = livingReports(rows, NOW_MS);
    expect(shardsOf(reports, "source").map((one) => [one.shard_id, one.worker])).toEqual([["s-1", "b"], ["s-2", "a"]]);
    expect(shardsOf(reports, "windows").map((one) => one.shard_id)).toEqual(["s-9"]);
    expect(sinksOf(reports)).toEqual([sink("s3", { delivered: 2, delivered_bytes: 20, flush_ms: 8, flushes: 4, last_error: "away" }), sink("files", { delivered: 42, delivered_bytes: 20, flush_ms: 8, flushes: 4, last_error: "full" })]);
  });
});
