//! The list of streams.

import { DeleteStreamCommand } from "@aws-sdk/client-kinesis";
import { useCollection } from "@cloudscape-design/collection-hooks";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";

import { describeStream, kinesisOf, listStreams } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useMay } from "../api/permissions";
import { type Rates, streamRates } from "../api/rates";
import { useAccess } from "../api/session";
import { useSay } from "../shell/notices";
import { useHref } from "../shell/route";
import { Amount } from "../show/amount";
import { DeleteDialog } from "../show/delete_dialog";
import { count, counted, hours } from "../show/format";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { Status } from "../show/status";
import { modeText } from "./mode_text";

/** Drawn in one go: 50 took more than 200 ms of the processor. */
const PAGE_SIZE = 25;

export default function StreamsPage() {
  const access = useAccess();
  const href = useHref();
  const say = useSay();
  const mayCreate = useMay("change streams");
  const mayDelete = useMay("delete streams");
  const [isDeleting, setDeleting] = useState(false);
  const who = `${access.region} ${access.accessKeyId}`;
  const streams = useLoad(`streams ${who}`, (signal) => listStreams(kinesisOf(access), signal), 5000);
  const { items, collectionProps, filterProps, paginationProps, filteredItemsCount, actions } = useCollection(streams.value ?? [], {
    filtering: {
      fields: ["StreamName"],
      empty: streams.problem ? (
        <Nothing title="It is not known which there are" />
      ) : (
        <Nothing title="No streams" action={mayCreate && <Button href={href(["create-stream"])}>Create a stream</Button>}>
          There is none in {access.region}.
        </Nothing>
      ),
      noMatch: (
        <Nothing title="No stream has such a name" action={<Button onClick={() => actions.setFiltering("")}>Show all</Button>} />
      ),
    },
    pagination: { pageSize: PAGE_SIZE },
    sorting: { defaultState: { sortingColumn: { sortingField: "StreamName" } } },
    selection: { keepSelection: true, trackBy: "StreamName" },
  });
  const shown = items.map((stream) => stream.StreamName ?? "");
  const details = useLoad(
    `details ${who} ${shown.join()}`,
    async (signal) => new Map(await Promise.all(shown.map(async (name) => [name, await describeStream(kinesisOf(access), name, signal).catch(() => undefined)] as const))),
    30_000,
  );
  const rates = useLoad(
    `rates ${who} ${shown.join()}`,
    async (signal) => (shown.length > 0 ? streamRates(access, shown, signal) : new Map<string, Rates>()),
    15_000,
  );
  const selected = (collectionProps.selectedItems ?? []).map((stream) => stream.StreamName ?? "");
  return (
    <>
      <Table
        {...collectionProps}
        items={items}
        variant="full-page"
        enableKeyboardNavigation
        loading={streams.isLoading}
        loadingText="Loading streams"
        {...(mayDelete && { selectionType: "multi" as const })}
        ariaLabels={{
          tableLabel: "Streams",
          selectionGroupLabel: "Choose streams",
          allItemsSelectionLabel: () => "Choose all streams of this page",
          itemSelectionLabel: (_, stream) => `Choose ${stream.StreamName}`,
        }}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={streams.value ? (selected.length > 0 ? `(${selected.length} of ${count(streams.value.length)})` : `(${count(streams.value.length)})`) : ""}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel="Load again" onClick={streams.again} />
                {mayDelete && (
                  <Button disabled={selected.length === 0} onClick={() => setDeleting(true)}>
                    Delete
                  </Button>
                )}
                {mayCreate && (
                  <Button variant="primary" href={href(["create-stream"])}>
                    Create a stream
                  </Button>
                )}
              </SpaceBetween>
            }
          >
            Streams
          </Header>
        }
        filter={
          <SpaceBetween size="s">
            {streams.problem?.kind !== "away" && <ProblemBox problem={streams.problem} again={streams.again} />}
            <TextFilter
              {...filterProps}
              filteringPlaceholder="Find streams by name"
              filteringAriaLabel="Find streams by name"
              countText={filteredItemsCount === undefined ? "" : counted(filteredItemsCount, "match", "matches")}
            />
          </SpaceBetween>
        }
        pagination={paginationProps.pagesCount > 1 && <Pagination {...paginationProps} ariaLabels={{ nextPageLabel: "Next page", previousPageLabel: "Page before", pageLabel: (page) => `Page ${page}`, paginationLabel: "Pages of streams" }} />}
        columnDefinitions={[
          {
            id: "name",
            header: "Name",
            sortingField: "StreamName",
            isRowHeader: true,
            cell: (stream) => <Link href={href(["streams", stream.StreamName ?? "", "records"])}>{stream.StreamName}</Link>,
          },
          { id: "status", header: "Status", cell: (stream) => <Status of={stream.StreamStatus} /> },
          {
            id: "mode",
            header: "Mode",
            cell: (stream) => modeText(stream.StreamModeDetails?.StreamMode),
          },
          { id: "shards", header: "Shards", cell: (stream) => <Amount of={details.value?.get(stream.StreamName ?? "")?.OpenShardCount} /> },
          {
            id: "retention",
            header: "Kept for",
            cell: (stream) => {
              const found = details.value?.get(stream.StreamName ?? "")?.RetentionPeriodHours;
              return found === undefined ? "–" : <span title={`${found} hours`}>{hours(found)}</span>;
            },
          },
          {
            id: "in",
            header: "In",
            cell: (stream) => {
              const found = rates.value?.get(stream.StreamName ?? "");
              return found === undefined ? "–" : <span className="nowrap"><Amount of={found.recordsIn} unit="/s" />, <Amount of={found.bytesIn} unit="bytes/s" /></span>;
            },
          },
          { id: "out", header: "Out", cell: (stream) => <Amount of={rates.value?.get(stream.StreamName ?? "")?.recordsOut} unit="/s" /> },
          {
            id: "created",
            header: "Created",
            sortingComparator: (one, other) => (one.StreamCreationTimestamp?.getTime() ?? 0) - (other.StreamCreationTimestamp?.getTime() ?? 0),
            cell: (stream) => <Moment at={stream.StreamCreationTimestamp} />,
          },
        ]}
      />
      {isDeleting && (
        <DeleteDialog
          what={selected.length === 1 ? `the stream ${selected[0]}` : `${selected.length} streams`}
          typed={selected.length === 1 ? selected[0]! : "delete"}
          names={selected}
          consequence="Their records and fan-out consumers go with them. This cannot be undone."
          close={() => setDeleting(false)}
          remove={async (name) => {
            await kinesisOf(access).send(new DeleteStreamCommand({ StreamName: name, EnforceConsumerDeletion: true }));
          }}
          onDone={(gone) => {
            say("success", gone.length === 1 ? `${gone[0]} is deleted.` : `${gone.length} streams are deleted.`);
            actions.setSelectedItems([]);
            streams.again();
          }}
        />
      )}
    </>
  );
}
