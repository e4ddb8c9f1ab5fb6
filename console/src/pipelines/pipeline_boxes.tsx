//! What the workers of a pipeline have read, passed on, rejected and delivered; on the page of each of its applications.

import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";

import { dynamodbOf, scanRows } from "../api/dynamodb";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { Amount } from "../show/amount";
import { counted } from "../show/format";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { livingReports, ONLY_REPORTS, shardsOf, sinksOf, type Stage } from "./reports";

const EVERY_MS = 5000;
/** A pipeline has fewer workers. */
const WORKERS_MAX = 2000;

export function PipelineBoxes({ table, stage }: { table: string; stage: Stage }) {
  const access = useAccess();
  const reports = useLoad(
    `pipeline ${access.region} ${access.accessKeyId} ${table}`,
    async (signal) => livingReports((await scanRows(dynamodbOf(access), table, WORKERS_MAX, signal, ONLY_REPORTS)).rows, Date.now()),
    EVERY_MS,
  );
  const shards = shardsOf(reports.value ?? [], stage);
  const sinks = sinksOf(reports.value ?? []);
  const workers = counted(reports.value?.length ?? 0, "worker");
  return (
    <SpaceBetween size="l">
      {reports.problem?.kind !== "away" && <ProblemBox problem={reports.problem} again={reports.again} />}
      <Table
        variant="container"
        items={shards}
        trackBy="shard_id"
        loading={reports.isLoading}
        loadingText="Asking the workers' reports"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Pipeline, by shard" }}
        header={
          <Header variant="h2" counter={reports.value ? `(${workers})` : ""} description={`What each worker says every five seconds, counted since it took the shard. Stage: ${stage === "source" ? "the steps" : "windows across all shards"}.`}>
            Pipeline
          </Header>
        }
        empty={<Nothing title="No worker has said anything for half a minute">Start one with “millstream pipeline run”.</Nothing>}
        columnDefinitions={[
          { id: "shard", header: "Shard", isRowHeader: true, cell: (shard) => <span className="nowrap">{shard.shard_id}</span> },
          { id: "worker", header: "Worker", cell: (shard) => <span className="breakable">{shard.worker}</span> },
          { id: "in", header: "Read", cell: (shard) => <Amount of={shard.records_in} /> },
          { id: "bytes", header: "Bytes", cell: (shard) => <Amount of={shard.bytes_in} unit="bytes" /> },
          { id: "out", header: "Passed on", cell: (shard) => <Amount of={shard.values_out} /> },
          { id: "rejected", header: "Rejected", cell: (shard) => <Amount of={shard.rejected} /> },
          { id: "error", header: "Last error", cell: (shard) => <span className="breakable">{shard.last_error ?? "–"}</span> },
        ]}
      />
      {sinks.length > 0 && (
        <Table
          variant="container"
          items={sinks}
          trackBy="name"
          enableKeyboardNavigation
          ariaLabels={{ tableLabel: "Sinks" }}
          header={
            <Header variant="h2" counter={`(${sinks.length})`} description="All workers together, each since it started.">
              Sinks
            </Header>
          }
          columnDefinitions={[
            { id: "name", header: "Sink", isRowHeader: true, cell: (sink) => sink.name },
            { id: "delivered", header: "Delivered", cell: (sink) => <Amount of={sink.delivered} /> },
            { id: "bytes", header: "Bytes", cell: (sink) => <Amount of={sink.delivered_bytes} unit="bytes" /> },
            { id: "rejected", header: "Rejected", cell: (sink) => <Amount of={sink.rejected} /> },
            { id: "retried", header: "Retried", cell: (sink) => <Amount of={sink.retried} /> },
            { id: "skipped", header: "Skipped", cell: (sink) => <Amount of={sink.skipped} /> },
            { id: "flush", header: "A flush takes", cell: (sink) => (sink.flushes > 0 ? `${Math.round(sink.flush_ms / sink.flushes)} ms` : "–") },
            { id: "error", header: "Last error", cell: (sink) => <span className="breakable">{sink.last_error ?? "–"}</span> },
          ]}
        />
      )}
    </SpaceBetween>
  );
}
