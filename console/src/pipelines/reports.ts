//! What the workers of a pipeline say of themselves: one row for each in the table of its states, as `pipeline status` reads it.

import type { Row } from "../applications/lease";

export type Stage = "source" | "windows";

/** A shard that a worker works on; counted since it took the shard. */
export interface ShardProgress {
  stage: Stage;
  shard_id: string;
  records_in: number;
  bytes_in: number;
  values_out: number;
  rejected: number;
  last_error?: string | null;
}

/** A sink on one worker, counted since the worker started. */
export interface SinkReport {
  name: string;
  delivered: number;
  delivered_bytes: number;
  rejected: number;
  retried: number;
  skipped: number;
  flush_ms: number;
  flushes: number;
  last_error?: string | null;
}

export interface WorkerReport {
  worker_id: string;
  at_ms: number;
  shards: ShardProgress[];
  sinks: SinkReport[];
}

/** Of the table of states just the reports: the states of windows beside them may be large. */
export const ONLY_REPORTS = {
  ProjectionExpression: "#name, report",
  FilterExpression: "begins_with(#name, :prefix)",
  ExpressionAttributeNames: { "#name": "name" },
  ExpressionAttributeValues: { ":prefix": { S: "report/" } },
};

/** Workers say how they are doing every five seconds; whoever was silent for so long does not live. */
const AGE_MAX_MS = 30_000;

/** The table of the states of the pipeline that has this application, and which stage that is; undefined if it is no pipeline's. */
export function pipelineOf(application: string, tables: readonly string[]): { table: string; stage: Stage } | undefined {
  const stages = [
    [application, "source"],
    ...(application.endsWith("-windows") ? [[application.slice(0, -"-windows".length), "windows"]] : []),
  ] as [string, Stage][];
  for (const [pipeline, stage] of stages) {
    const table = `${pipeline}-state`;
    if (tables.includes(table)) return { table, stage };
  }
  return undefined;
}

/** The reports of the workers that live, by their ids. Rows of windows, and of other versions, are passed over. */
export function livingReports(rows: readonly Row[], nowMs: number): WorkerReport[] {
  const reports = rows.flatMap((row) => {
    const report = reportOf(row);
    return report && nowMs - report.at_ms <= AGE_MAX_MS ? [report] : [];
  });
  return reports.sort((one, other) => one.worker_id.localeCompare(other.worker_id));
}

function reportOf(row: Row): WorkerReport | undefined {
  if (!row.name?.S?.startsWith("report/") || row.report?.S === undefined) return undefined;
  try {
    const report = JSON.parse(row.report.S) as WorkerReport;
    return typeof report.at_ms === "number" && Array.isArray(report.shards) && Array.isArray(report.sinks) ? report : undefined;
  } catch {
    return undefined;
  }
}

/** The shards of a stage with who works on them. */
export function shardsOf(reports: readonly WorkerReport[], stage: Stage): (ShardProgress & { worker: string })[] {
  const shards = reports.flatMap((report) => report.shards.filter((shard) => shard.stage === stage).map((shard) => ({ ...shard, worker: report.worker_id })));
  return shards.sort((one, other) => one.shard_id.localeCompare(other.shard_id));
}

/** Each sink, all workers together. */
export function sinksOf(reports: readonly WorkerReport[]): SinkReport[] {
  const sinks = new Map<string, SinkReport>();
  for (const sink of reports.flatMap((report) => report.sinks)) {
    const before = sinks.get(sink.name);
    if (!before) {
      sinks.set(sink.name, { ...sink });
      continue;
    }
    for (const number of ["delivered", "delivered_bytes", "rejected", "retried", "skipped", "flush_ms", "flushes"] as const) before[number] += sink[number];
    before.last_error ??= sink.last_error ?? null;
  }
  return [...sinks.values()];
}
