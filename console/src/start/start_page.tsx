//! What runs here, at a glance; where nothing runs yet, how to begin.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";

import { lazy, Suspense } from "react";

import { serverHealth, type ServerHealth } from "../api/health";
import { kinesisOf, listStreams } from "../api/kinesis";
import { useLoad } from "../api/load";
import { type Rates, streamRates } from "../api/rates";
import { useAccess } from "../api/session";
import { useHref } from "../shell/route";
import { Amount } from "../show/amount";
import { bytes, count } from "../show/format";
import { ProblemBox } from "../show/problem_box";
import { Status } from "../show/status";
import { FirstStream } from "./first_stream";

const BehindTable = lazy(() => import("./behind_table"));

/** Busiest streams that are listed. */
const SHOWN_MAX = 10;
/** More are not measured at a glance. */
const MEASURED_MAX = 500;

export default function StartPage() {
  const access = useAccess();
  const href = useHref();
  const health = useLoad("health", serverHealth, 5000);
  const streams = useLoad(`streams ${access.region} ${access.accessKeyId}`, (signal) => listStreams(kinesisOf(access), signal), 5000);
  const names = (streams.value ?? []).slice(0, MEASURED_MAX).map((stream) => stream.StreamName ?? "");
  const rates = useLoad(
    `rates ${access.region} ${access.accessKeyId} ${names.join()}`,
    async (signal) => (names.length > 0 ? streamRates(access, names, signal) : new Map<string, Rates>()),
    15_000,
  );
  const all = streams.value;
  const sum = (member: keyof Rates) => [...(rates.value?.values() ?? [])].reduce((total, one) => total + one[member], 0);
  const busiest = [...(all ?? [])]
    .sort((one, other) => (rates.value?.get(other.StreamName ?? "")?.bytesIn ?? 0) - (rates.value?.get(one.StreamName ?? "")?.bytesIn ?? 0))
    .slice(0, SHOWN_MAX);
  return (
    <ContentLayout header={<Header variant="h1" description="Amazon Kinesis Data Streams as a server of your own">What runs here</Header>}>
      <SpaceBetween size="l">
        <Server health={health.value} hasFailed={health.problem !== undefined && health.problem.kind !== "away"} />
        <ProblemBox problem={streams.problem?.kind === "away" ? undefined : streams.problem} again={streams.again} />
        {all?.length === 0 && <FirstStream again={streams.again} />}
        {all && all.length > 0 && (
            <Container header={<Header variant="h2" description={`${access.region}, the last whole minute`}>Streams</Header>}>
              <KeyValuePairs
                columns={4}
                items={[
                  { label: "Streams", value: <Link href={href(["streams"])}>{count(all.length)}</Link> },
                  { label: "Records in", value: <Amount of={rates.value && sum("recordsIn")} unit="/s" /> },
                  { label: "Bytes in", value: <Amount of={rates.value && sum("bytesIn")} unit="bytes/s" /> },
                  { label: "Records out", value: <Amount of={rates.value && sum("recordsOut")} unit="/s" /> },
                ]}
              />
            </Container>
        )}
        {all && all.length > 0 && (
            <Table
              variant="container"
              header={
                <Header
                  variant="h2"
                  counter={all.length > SHOWN_MAX ? `(${SHOWN_MAX} of ${count(all.length)})` : `(${all.length})`}
                  actions={<Button href={href(["create-stream"])}>Create a stream</Button>}
                >
                  Busiest streams
                </Header>
              }
              items={busiest}
              trackBy="StreamName"
              enableKeyboardNavigation
              ariaLabels={{ tableLabel: "Busiest streams" }}
              columnDefinitions={[
                {
                  id: "name",
                  header: "Name",
                  isRowHeader: true,
                  cell: (stream) => <Link href={href(["streams", stream.StreamName ?? "", "records"])}>{stream.StreamName}</Link>,
                },
                { id: "status", header: "Status", cell: (stream) => <Status of={stream.StreamStatus} /> },
                { id: "in", header: "Records in", cell: (stream) => <Amount of={rates.value?.get(stream.StreamName ?? "")?.recordsIn} unit="/s" /> },
                { id: "bytes", header: "Bytes in", cell: (stream) => <Amount of={rates.value?.get(stream.StreamName ?? "")?.bytesIn} unit="bytes/s" /> },
                { id: "out", header: "Records out", cell: (stream) => <Amount of={rates.value?.get(stream.StreamName ?? "")?.recordsOut} unit="/s" /> },
              ]}
            />
        )}
        {all && all.length > 0 && (
          <Suspense fallback={null}>
            <BehindTable />
          </Suspense>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Server({ health, hasFailed }: { health: ServerHealth | undefined; hasFailed: boolean }) {
  if (!health) {
    return hasFailed ? <StatusIndicator type="info">This endpoint has no page of health: it is not Millstream.</StatusIndicator> : null;
  }
  const storage = health.storage ?? {};
  const isFine = health.status === "ok";
  return (
    <Container header={<Header variant="h2">Server</Header>}>
      <ColumnLayout columns={1}>
        {health.reason && <Box color="text-status-error">{health.reason}</Box>}
        <KeyValuePairs
          columns={4}
          items={[
            { label: "Health", value: <StatusIndicator type={isFine ? "success" : "error"}>{isFine ? "Working" : health.status}</StatusIndicator> },
            ...(health.version ? [{ label: "Version", value: health.version }] : []),
            ...(health.engine ? [{ label: "Engine", value: health.engine }] : []),
            ...(health.durability ? [{ label: "Stored means", value: DURABILITIES[health.durability] ?? health.durability }] : []),
            ...STORAGE.flatMap(([name, label, say]) => (storage[name] === undefined ? [] : [{ label, value: <span title={count(storage[name])}>{say(storage[name])}</span> }])),
          ]}
        />
      </ColumnLayout>
    </Container>
  );
}

/** What an answered put is worth. */
const DURABILITIES: Record<string, string> = { fsync: "on the disk (fsync)", os: "handed to the system" };

/** Numbers of the engine that are worth a look. */
const STORAGE: [string, string, (value: number) => string][] = [
  ["disk_free_bytes", "Room on the disk", bytes],
  ["live_bytes", "Records that are kept", bytes],
  ["disk_bytes", "Files", bytes],
  ["tail_cache_bytes", "Records in memory", bytes],
];
