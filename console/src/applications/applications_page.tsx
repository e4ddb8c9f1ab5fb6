//! The list of applications: every table of leases, whoever's library wrote it.

import Header from "@cloudscape-design/components/header";
import Button from "@cloudscape-design/components/button";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useRef } from "react";

import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { useHref } from "../shell/route";
import { Amount } from "../show/amount";
import { counted } from "../show/format";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { Behind } from "./behind";
import { loadLines } from "./lines";
import { TABLES_MAX } from "./load_application";
import { RenewalWatch } from "./renewals";

const EVERY_MS = 6000;
export default function ApplicationsPage() {
  const access = useAccess();
  const href = useHref();
  const who = `${access.region} ${access.accessKeyId}`;
  const watches = useRef(new Map<string, RenewalWatch>());
  const lines = useLoad(
    `applications ${who}`,
    async (signal) => {
      const found = await loadLines(access, signal);
      for (const line of found.lines) {
        const watch = watches.current.get(line.name) ?? new RenewalWatch();
        watches.current.set(line.name, watch);
        watch.observe(line.leases, Date.now());
      }
      return found;
    },
    EVERY_MS,
  );
  const now = Date.now();
  return (
    <Table
      variant="full-page"
      items={lines.value?.lines ?? []}
      trackBy="name"
      loading={lines.isLoading}
      loadingText="Looking into the tables"
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "Applications" }}
      header={
        <Header
          variant="awsui-h1-sticky"
          counter={lines.value ? `(${lines.value.lines.length})` : ""}
          description="Programs that share the shards of a stream by leases in a table: the KCL 1 to 3.5, and Millstream's own consumer."
          actions={<Button iconName="refresh" ariaLabel="Load again" onClick={lines.again} />}
        >
          Applications
        </Header>
      }
      filter={
        <SpaceBetween size="s">
          {lines.problem?.kind !== "away" && <ProblemBox problem={lines.problem} again={lines.again} />}
          {lines.value?.isMore && <StatusIndicator type="info">Only the first {TABLES_MAX} tables were looked into.</StatusIndicator>}
        </SpaceBetween>
      }
      empty={lines.problem ? <Nothing title="It is not known which there are" /> : <Nothing title="No application has leases here">It makes its table when its first worker starts.</Nothing>}
      columnDefinitions={[
        {
          id: "name",
          header: "Application",
          isRowHeader: true,
          cell: (line) => (
            <>
              <Link href={href(["applications", line.name])}>{line.name}</Link>
              {line.pipeline && <span className="kind">{line.pipeline.stage === "source" ? "pipeline" : "its windows"}</span>}
            </>
          ),
        },
        {
          id: "stream",
          header: "Stream",
          cell: (line) => (line.stream === undefined ? <span title="No stream's shards fit its leases">–</span> : <Link href={href(["streams", line.stream, "records"])}>{line.stream}</Link>),
        },
        {
          id: "state",
          header: "State",
          cell: (line) => {
            const watch = watches.current.get(line.name);
            const renewed = line.leases.some((lease) => watch?.renewedMs(lease.key) !== undefined && watch.unchangedMs(lease.key, now) < 30_000);
            return renewed ? <StatusIndicator type="success">Working</StatusIndicator> : <StatusIndicator type="pending">No renewal seen yet</StatusIndicator>;
          },
        },
        { id: "workers", header: "Workers", cell: (line) => <span title={line.workers.join("\n")}>{counted(line.workers.length, "worker")}</span> },
        { id: "leases", header: "Leases", cell: (line) => <Amount of={line.leases.length} /> },
        { id: "behind", header: "Behind", cell: (line) => <Behind lag={line.lag} /> },
      ]}
    />
  );
}
