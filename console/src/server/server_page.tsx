//! The server's own numbers, while the page is open: its disk, its memory, its calls. AWS has no such page.

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import LineChart from "@cloudscape-design/components/line-chart";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useEffect, useRef } from "react";

import { useLoad } from "../api/load";
import { usePreferences } from "../shell/preferences";
import { Waiting } from "../shell/waiting";
import { Amount } from "../show/amount";
import { Facts } from "../show/facts";
import { bytes, duration, moment, rough } from "../show/format";
import { Nothing } from "../show/nothing";
import { meanS, parsePrometheus, quantileS, rateOf, type Snapshot, sumOf } from "./prometheus";

const EVERY_MS = 3000;
const SECOND_MS = 1000;
/** A chart shows a minute at least. */
const SHOWN_MS = 60_000;
/** Older pages are forgotten: a quarter of an hour. */
const KEPT = 300;
const FSYNC = "millstream_log_fsync_duration_seconds";
const CALLS = "millstream_call_duration_seconds";
const RECORDS = "millstream_call_records_total";

export default function ServerPage() {
  const kept = useRef<Snapshot[]>([]);
  const page = useLoad(
    "metrics page",
    async (signal) => {
      const answer = await fetch("/metrics", { signal });
      if (!answer.ok) return { isRefused: true, snapshots: [] };
      const samples = parsePrometheus(await answer.text()).filter((one) => one.name.startsWith("millstream_"));
      kept.current = [...kept.current, { atMs: Date.now(), samples }].slice(-KEPT);
      return { isRefused: samples.length === 0, snapshots: kept.current };
    },
    EVERY_MS,
  );
  // A rate needs two pages: the second one comes soon.
  const isFirst = page.value?.snapshots.length === 1;
  const { again } = page;
  useEffect(() => {
    if (!isFirst) return;
    const timer = setTimeout(again, SECOND_MS);
    return () => clearTimeout(timer);
  }, [isFirst, again]);
  if (page.isLoading) return <Waiting />;
  const snapshots = page.value?.snapshots ?? [];
  const now = snapshots.at(-1);
  if (!now || page.value?.isRefused) {
    return (
      <Nothing title="The server's numbers are not to be seen from here">
        It shows them to its own machine, to who presents a key, and at the address of --admin-listen. AWS has none.
      </Nothing>
    );
  }
  return (
    <ContentLayout header={<Header variant="h1" description="While this page is open. For longer: /metrics, which Prometheus reads.">Server</Header>}>
      <SpaceBetween size="l">
        <Facts
          of={[
            ["Log", <LogStatus now={now} />],
            ["Room on the disk", <Amount of={sumOf(now.samples, "millstream_log_disk_free_bytes")} unit="bytes" />],
            ["Files", <Amount of={sumOf(now.samples, "millstream_log_disk_bytes")} unit="bytes" />],
            ["Alive in them", <Amount of={sumOf(now.samples, "millstream_log_live_bytes")} unit="bytes" />],
            ["Connections", <Amount of={sumOf(now.samples, "millstream_connections")} />],
            ["Subscriptions", <Amount of={sumOf(now.samples, "millstream_subscriptions")} />],
          ]}
        />
        <div className="charts">
          <Chart title="Records" snapshots={snapshots} format={(value) => `${rough(value)}/s`} lines={{ stored: records("Put"), "handed out": records("Get") }} />
          <Chart
            title="One fsync"
            snapshots={snapshots}
            format={(value) => duration(value)}
            lines={{ mean: (before, after) => ms(meanS(before, after, FSYNC)), "99 of 100 at most": (before, after) => ms(quantileS(before, after, FSYNC, 0.99)) }}
          />
          <Chart title="Commits" snapshots={snapshots} format={(value) => `${rough(value)}/s`} lines={{ commits: (before, after) => rateOf(before, after, "millstream_log_commits_total") }} />
          <Chart
            title="Memory that requests and answers hold"
            least={1024}
            snapshots={snapshots}
            format={(value) => bytes(value)}
            lines={Object.fromEntries(["bodies", "answers", "requests"].map((budget) => [budget, (_: Snapshot, after: Snapshot) => sumOf(after.samples, "millstream_memory_budget_used_bytes", { budget })]))}
          />
        </div>
        <CallTable before={snapshots[0]!} now={now} />
      </SpaceBetween>
    </ContentLayout>
  );
}

function ms(seconds: number | undefined): number | undefined {
  return seconds === undefined || !Number.isFinite(seconds) ? undefined : seconds * 1000;
}

/** Records a second of all operations whose name begins so. */
function records(beginning: string) {
  return (before: Snapshot, after: Snapshot) =>
    [...operationsOf(after)].filter((operation) => operation.startsWith(beginning)).reduce((sum, operation) => sum + rateOf(before, after, RECORDS, { service: "kinesis", operation }), 0);
}

function operationsOf(snapshot: Snapshot): Set<string> {
  return new Set(snapshot.samples.filter((one) => one.name === RECORDS && one.labels.service === "kinesis").map((one) => one.labels.operation ?? ""));
}

function LogStatus({ now }: { now: Snapshot }) {
  const status = now.samples.find((one) => one.name === "millstream_log_status" && one.value === 1)?.labels.status ?? "unknown";
  return <StatusIndicator type={status === "serving" ? "success" : "error"}>{status === "serving" ? "Takes records" : status}</StatusIndicator>;
}

function Chart(props: {
  title: string;
  snapshots: readonly Snapshot[];
  /** The scale goes to this at least. */
  least?: number;
  format: (value: number) => string;
  lines: Record<string, (before: Snapshot, after: Snapshot) => number | undefined>;
}) {
  const { title, snapshots, least = 1, format, lines } = props;
  const { zone } = usePreferences();
  const pairs = snapshots.slice(1).map((after, index) => [snapshots[index]!, after] as const);
  const series = Object.entries(lines).map(([name, value]) => ({
    title: name,
    type: "line" as const,
    valueFormatter: format,
    data: pairs.flatMap(([before, after], index) => {
      const y = value(before, after);
      if (y === undefined) return [];
      // The first one holds since the page was opened.
      return [...(index === 0 ? [before] : []), after].map((page) => ({ x: new Date(page.atMs), y }));
    }),
  }));
  const shown = series.filter((one) => one.data.length > 0);
  const most = Math.max(0, ...shown.flatMap((one) => one.data.map((point) => point.y)));
  return (
    <Container header={<Header variant="h3">{title}</Header>}>
      <LineChart
        series={shown}
        height={140}
        hideFilter
        xScaleType="time"
        {...(snapshots.length > 0 && { xDomain: [new Date(Math.min(snapshots[0]!.atMs, snapshots.at(-1)!.atMs - SHOWN_MS)), new Date(snapshots.at(-1)!.atMs)] as [Date, Date] })}
        yDomain={[0, Math.max(most * 1.1, least)]}
        ariaLabel={title}
        empty={<Box color="text-body-secondary">Nothing yet.</Box>}
        i18nStrings={{
          xTickFormatter: (date) => moment(date, zone).slice(11, 19),
          yTickFormatter: format,
          detailPopoverDismissAriaLabel: "Close",
          legendAriaLabel: "Legend",
          chartAriaRoleDescription: "line chart",
          xAxisAriaRoleDescription: "time",
          yAxisAriaRoleDescription: "value",
        }}
      />
    </Container>
  );
}

/** Calls by operation since the page was opened, those first that came most. */
function CallTable({ before, now }: { before: Snapshot; now: Snapshot }) {
  const names = new Map<string, { service: string; operation: string }>();
  for (const { name, labels } of now.samples) {
    if (name === `${CALLS}_count` && labels.operation) names.set(`${labels.service} ${labels.operation}`, { service: labels.service ?? "", operation: labels.operation });
  }
  const items = [...names.values()]
    .map((labels) => ({
      ...labels,
      perS: rateOf(before, now, `${CALLS}_count`, labels),
      refusedPerS: rateOf(before, now, `${CALLS}_count`, labels) - rateOf(before, now, `${CALLS}_count`, { ...labels, error_class: "none" }),
      meanMs: ms(meanS(before, now, CALLS, labels)),
    }))
    .filter((line) => line.perS > 0)
    .sort((one, other) => other.perS - one.perS);
  return (
    <Table
      variant="container"
      items={items}
      trackBy={(line) => `${line.service} ${line.operation}`}
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "Calls" }}
      header={
        <Header variant="h2" description="Since this page was opened; those of the console are among them.">
          Calls
        </Header>
      }
      empty={<Nothing title="No call yet" />}
      columnDefinitions={[
        { id: "operation", header: "Operation", isRowHeader: true, cell: (line) => line.operation },
        { id: "service", header: "Service", cell: (line) => line.service },
        { id: "rate", header: "Calls", cell: (line) => <Amount of={line.perS} unit="/s" /> },
        { id: "refused", header: "Refused or failed", cell: (line) => <Amount of={Math.max(line.refusedPerS, 0)} unit="/s" /> },
        { id: "mean", header: "Time, on average", cell: (line) => (line.meanMs === undefined ? "–" : duration(line.meanMs)) },
      ]}
    />
  );
}
