//! The leases of an application, shard by shard.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";

import { parseSequenceNumber } from "../shards/sequence_number";
import { ago, count } from "../show/format";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { Behind } from "./behind";
import type { Lag } from "./lag";
import { compareCheckpoints, type Lease, SHARD_END, stuckStep } from "./lease";
import type { RenewalWatch } from "./renewals";

/** A lease that is not renewed for this long is somebody's to take, in most settings of the KCL. */
const PATIENCE_MS = 30_000;

export function LeaseTable(props: { leases: Lease[]; lags: ReadonlyMap<string, Lag> | undefined; watch: RenewalWatch; nowMs: number }) {
  const { leases, lags, watch, nowMs } = props;
  const byKey = new Map(leases.map((lease) => [lease.key, lease]));
  const { items, collectionProps, filterProps, paginationProps } = useCollection(leases, {
    filtering: { fields: ["key", "owner"], empty: <Nothing title="No leases">The table has none yet.</Nothing>, noMatch: <Nothing title="No lease has such a shard or owner" /> },
    pagination: { pageSize: 50 },
    sorting: { defaultState: { sortingColumn: { sortingField: "key" } } },
  });
  const several = leases.some((lease) => lease.stream !== undefined);
  return (
    <Table
      {...collectionProps}
      items={items}
      variant="container"
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "Leases" }}
      header={
        <Header variant="h2" counter={`(${count(leases.length)})`}>
          Shards
        </Header>
      }
      filter={leases.length > 10 ? <TextFilter {...filterProps} filteringPlaceholder="Find by shard or worker" filteringAriaLabel="Find by shard or worker" /> : undefined}
      pagination={leases.length > 50 ? <Pagination {...paginationProps} ariaLabels={{ nextPageLabel: "Next page", previousPageLabel: "Page before", pageLabel: (page) => `Page ${page}`, paginationLabel: "Pages of leases" }} /> : undefined}
      columnDefinitions={[
        { id: "shard", header: "Shard", isRowHeader: true, sortingField: "key", cell: (lease) => <span title={lease.key}>{lease.shardId}</span> },
        ...(several ? [{ id: "stream", header: "Stream", cell: (lease: Lease) => lease.stream ?? "–" }] : []),
        {
          id: "state",
          header: "State",
          cell: (lease) => {
            const stuck = stuckStep(lease, byKey, watch.unchangedMs(lease.key, nowMs), PATIENCE_MS);
            if (stuck) return <StatusIndicator type="warning">{stuck}</StatusIndicator>;
            if (lease.checkpoint === SHARD_END) return <StatusIndicator type="stopped">Ended</StatusIndicator>;
            return <StatusIndicator type="success">Held</StatusIndicator>;
          },
        },
        { id: "owner", header: "Worker", sortingField: "owner", cell: (lease) => <span className="breakable">{lease.owner ?? "–"}</span> },
        { id: "behind", header: "Behind", cell: (lease) => (lease.checkpoint === SHARD_END ? "–" : <Behind lag={lags?.get(lease.key)} />) },
        { id: "checkpoint", header: "Checkpoint", sortingComparator: (one, other) => compareCheckpoints(one.checkpoint, other.checkpoint), cell: (lease) => <Checkpoint lease={lease} /> },
        {
          id: "renewed",
          header: "Renewed",
          cell: (lease) => {
            const renewed = watch.renewedMs(lease.key);
            return renewed === undefined ? "–" : ago(nowMs - renewed);
          },
        },
        { id: "switches", header: "Owners since", cell: (lease) => <span title="How often it changed hands since the last checkpoint">{lease.ownerSwitches}</span> },
      ]}
    />
  );
}

/** A checkpoint as a time where it is a number; the number in full on hover. */
export function Checkpoint({ lease }: { lease: Lease }) {
  const parsed = parseSequenceNumber(lease.checkpoint);
  const sub = lease.subSequenceNumber > 0 ? `, record ${lease.subSequenceNumber} in it` : "";
  return (
    <span title={`${lease.checkpoint}${sub}`}>
      {parsed ? (
        <>
          record of <Moment at={new Date(parsed.writtenS * 1000)} />
        </>
      ) : (
        lease.checkpoint
      )}
      {lease.pendingCheckpoint && <span title={lease.pendingCheckpoint}> · one is prepared{lease.pendingState ? `, with ${lease.pendingState.length} bytes of state` : ""}</span>}
    </span>
  );
}
