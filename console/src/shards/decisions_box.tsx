//! What the server made of an on-demand stream's shards, and why.

import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMemo } from "react";

import type { Access } from "../api/access";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { parsePrometheus, sumOf } from "../server/prometheus";
import { Amount } from "../show/amount";
import { bytes, count, counted } from "../show/format";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { type Decision, decisionsOf, type Minute, type NumberedShard, type Reason, reasonOf } from "./decisions";

/** Older decisions are not listed. */
const SHOWN_MAX = 20;
const EVERY_MS = 30_000;
/** Minutes are kept for three days. */
const BACK_MS = 3 * 24 * 3_600_000;
const RESHARDS = "millstream_on_demand_reshards_total";

export function DecisionsBox({ stream, shards, warmMibps }: { stream: string; shards: readonly NumberedShard[]; warmMibps: number | undefined }) {
  const access = useAccess();
  const decisions = useMemo(() => decisionsOf(shards).slice(0, SHOWN_MAX), [shards]);
  const oldestMs = decisions.at(-1)?.atMs;
  const minutes = useLoad(
    `decisions ${access.region} ${stream} ${oldestMs ?? ""}`,
    (signal) => (oldestMs === undefined ? Promise.resolve([]) : minutesSince(access, stream, oldestMs - 3_600_000, signal)),
    EVERY_MS,
  );
  const reshards = useLoad("on-demand reshards", reshardsOfServer, EVERY_MS);
  const lines = decisions.map((decision) => ({ ...decision, reason: minutes.value && reasonOf(decision, minutes.value, warmMibps) }));
  return (
    <Table
      variant="container"
      items={lines}
      trackBy={(line) => String(line.atMs)}
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "On-demand decisions" }}
      header={
        <Header variant="h2" counter={decisions.length > 0 ? `(${decisions.length})` : ""} description="The shards of this stream are the server's to split and merge; it looks once a minute.">
          On-demand decisions
        </Header>
      }
      empty={<Nothing title="No shard was split or merged">The stream has the shards that it began with, as far back as closed ones are kept.</Nothing>}
      columnDefinitions={[
        { id: "at", header: "When", isRowHeader: true, cell: (line) => <Moment at={new Date(line.atMs)} /> },
        {
          id: "what",
          header: "What",
          cell: (line) => (
            <span title={`Split or merged:\n${line.parents.join("\n")}`}>
              {count(line.before)} → {counted(line.after, "shard")}
            </span>
          ),
        },
        { id: "load", header: "Traffic before", cell: (line) => <Amount of={line.reason?.loadBytesPerS} unit="bytes/s" /> },
        { id: "why", header: "Why", cell: (line) => (line.reason ? <Why decision={line} reason={line.reason} /> : "–") },
      ]}
      footer={
        <SpaceBetween size="xxs">
          <Box color="text-body-secondary" fontSize="body-s">
            Reasons follow from the stream's metrics. The server's own words, with its peak and its busiest shard, are in its log and its audit log.
          </Box>
          {reshards.value && (
            <Box color="text-body-secondary" fontSize="body-s">
              Of all on-demand streams, since the server started: {counted(reshards.value.splits, "split")} and {counted(reshards.value.merges, "merge")} that traffic brought about.
            </Box>
          )}
        </SpaceBetween>
      }
    />
  );
}

function Why({ decision, reason }: { decision: Decision; reason: Reason }) {
  switch (reason.why) {
    case "capacity":
      return <>Twice the peak wants {counted(reason.wanted ?? 0, "shard")}.</>;
    case "warm throughput":
      return <>The warm throughput wants {counted(reason.wanted ?? 0, "shard")}.</>;
    case "hot shard":
      return <>{decision.parents.length === 1 ? "A shard" : "Shards"} took more than {bytes(500 * 1024)}/s.</>;
    case "rest":
      return <>They rested, and fewer are enough for twice the peak.</>;
    case "not known":
      return <>Nothing was measured before it.</>;
  }
}

async function minutesSince(access: Access, stream: string, sinceMs: number, signal: AbortSignal): Promise<Minute[]> {
  const { cloudwatchOf, GetMetricDataCommand } = await import("../api/cloudwatch");
  const found = new Map<number, Minute>();
  const members = ["bytes", "records"] as const;
  const metrics = { bytes: "IncomingBytes", records: "IncomingRecords" };
  let NextToken: string | undefined;
  do {
    const answer = await cloudwatchOf(access).send(
      new GetMetricDataCommand({
        StartTime: new Date(Math.max(sinceMs, Date.now() - BACK_MS)),
        EndTime: new Date(),
        ...(NextToken && { NextToken }),
        MetricDataQueries: members.map((member) => ({
          Id: member,
          MetricStat: { Metric: { Namespace: "AWS/Kinesis", MetricName: metrics[member], Dimensions: [{ Name: "StreamName", Value: stream }] }, Period: 60, Stat: "Sum" },
        })),
      }),
      { abortSignal: signal },
    );
    for (const result of answer.MetricDataResults ?? []) {
      for (const [at, time] of (result.Timestamps ?? []).entries()) {
        const minute = found.get(time.getTime()) ?? { atMs: time.getTime(), bytes: 0, records: 0 };
        minute[result.Id as (typeof members)[number]] = result.Values?.[at] ?? 0;
        found.set(minute.atMs, minute);
      }
    }
    NextToken = answer.NextToken;
  } while (NextToken);
  return [...found.values()].sort((one, other) => one.atMs - other.atMs);
}

/** What the server counted; undefined where its numbers are not to be seen. */
async function reshardsOfServer(signal: AbortSignal): Promise<{ splits: number; merges: number } | undefined> {
  const answer = await fetch("/metrics", { signal });
  if (!answer.ok) return undefined;
  const samples = parsePrometheus(await answer.text()).filter((one) => one.name === RESHARDS);
  return samples.length === 0 ? undefined : { splits: sumOf(samples, RESHARDS, { reshard: "split" }), merges: sumOf(samples, RESHARDS, { reshard: "merge" }) };
}
