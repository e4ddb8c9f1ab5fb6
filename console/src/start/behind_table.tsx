//! Applications on the first page, those first that are furthest behind.

import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import Table from "@cloudscape-design/components/table";

import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { Behind } from "../applications/behind";
import { loadLines } from "../applications/lines";
import { useHref } from "../shell/route";
import { counted } from "../show/format";

const EVERY_MS = 15_000;
const SHOWN_MAX = 10;

export default function BehindTable() {
  const access = useAccess();
  const href = useHref();
  const found = useLoad(`start applications ${access.region} ${access.accessKeyId}`, (signal) => loadLines(access, signal), EVERY_MS);
  const lines = [...(found.value?.lines ?? [])].sort((one, other) => (other.lag?.behindMs ?? -1) - (one.lag?.behindMs ?? -1));
  // A key that may not read tables has none to see; who has none needs no empty table.
  if (lines.length === 0) return null;
  return (
    <Table
      variant="container"
      items={lines.slice(0, SHOWN_MAX)}
      trackBy="name"
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "Applications" }}
      header={
        <Header variant="h2" counter={`(${lines.length})`}>
          Applications
        </Header>
      }
      columnDefinitions={[
        { id: "name", header: "Application", isRowHeader: true, cell: (line) => <Link href={href(["applications", line.name])}>{line.name}</Link> },
        { id: "stream", header: "Stream", cell: (line) => line.stream ?? "–" },
        { id: "workers", header: "Workers", cell: (line) => counted(line.workers.length, "worker") },
        { id: "behind", header: "Behind", cell: (line) => <Behind lag={line.lag} /> },
      ]}
    />
  );
}
