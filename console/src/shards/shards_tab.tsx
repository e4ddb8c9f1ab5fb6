//! The shards of a stream: the hash space, how they descend, what goes through them, and changes to them.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useEffect, useMemo, useRef, useState } from "react";

import { describeStream, kinesisOf, listShards, mapShard } from "../api/kinesis";
import { useAction, useLoad } from "../api/load";
import { useMay } from "../api/permissions";
import { useAccess } from "../api/session";
import { hrefOf, replace, useHref, useRoute } from "../shell/route";
import { Waiting } from "../shell/waiting";
import { Amount } from "../show/amount";
import { count, rough } from "../show/format";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { CountDialog } from "./count_dialog";
import { DecisionsBox } from "./decisions_box";
import { generationsOf, type MapShard, neighboursOf, sharePercent } from "./geometry";
import { type Heat, measure } from "./measure";
import { MergeDialog } from "./merge_dialog";
import { SplitDialog } from "./split_dialog";
import { Strip } from "./strip";

/** Older generations and more shards are not drawn: nobody could tell them apart. */
const GENERATIONS_MAX = 12;
const DRAWN_MAX = 4000;
const MEASURED_MAX = 256;

export default function ShardsTab({ stream }: { stream: string }) {
  const access = useAccess();
  const href = useHref();
  const { query, region } = useRoute();
  const summary = useLoad(`shards of ${access.region} ${access.accessKeyId} ${stream}`, (signal) => describeStream(kinesisOf(access), stream, signal), 10_000);
  const isOnDemand = summary.value?.StreamModeDetails?.StreamMode === "ON_DEMAND";
  // Those of an on-demand stream are the server's alone.
  const mayChange = useMay("change shards") && summary.value !== undefined && !isOnDemand;
  const shards = useLoad(`shards ${access.region} ${access.accessKeyId} ${stream}`, (signal) => listShards(kinesisOf(access), stream, signal), 10_000);
  const all = useMemo(() => (shards.value ?? []).map((shard) => ({ ...mapShard(shard), startingSequenceNumber: shard.SequenceNumberRange?.StartingSequenceNumber ?? "" })), [shards.value]);
  const numbers = useMemo(() => new Map((shards.value ?? []).map((shard) => [shard.ShardId ?? "", shard.SequenceNumberRange ?? {}])), [shards.value]);
  const open = useMemo(() => all.filter((shard) => shard.isOpen).sort((one, other) => (one.start < other.start ? -1 : 1)), [all]);
  // In the address, so that it can be sent to somebody.
  const chosenId = query.get("shard") ?? "";
  const choose = (id: string) => replace(hrefOf(region, ["streams", stream, "shards"], { shard: id }));
  const chosen = open.find((shard) => shard.id === chosenId);
  const [dialog, setDialog] = useState<"split" | "merge" | "count">();
  // A dialog is about the shard that was chosen when it was opened.
  useEffect(() => setDialog(undefined), [chosenId]);
  const { heats, action, done } = useHeats(stream, open);
  const changed = () => {
    setDialog(undefined);
    shards.again();
  };
  if (shards.isLoading) return <Waiting />;
  const { right } = chosen ? neighboursOf(open, chosen) : {};
  return (
    <SpaceBetween size="l">
      {shards.problem?.kind !== "away" && <ProblemBox problem={shards.problem} again={shards.again} />}
      <Container
        header={
          <Header
            variant="h2"
            counter={`(${count(open.length)} open)`}
            description="Each partition key falls on a place from left to right; the shard that lies there takes the record."
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button loading={action.isRunning} loadingText={`Measuring, ${done} of ${Math.min(open.length, MEASURED_MAX)}`} onClick={() => void action.run()}>
                  Measure the last minute
                </Button>
                {mayChange && <Button onClick={() => setDialog("count")}>Change the count…</Button>}
              </SpaceBetween>
            }
          >
            Hash space
          </Header>
        }
      >
        <SpaceBetween size="s">
          <ProblemBox problem={action.problem} />
          <Strip shards={open.slice(0, DRAWN_MAX)} label="Open shards on the hash space" heats={heats} chosen={chosen ? [chosen.id] : []} choose={(shard) => choose(shard.id === chosenId ? "" : shard.id)} />
          {heats && <Box color="text-body-secondary" fontSize="body-s">Bars: bytes a second over the last minute, the hottest shard full.</Box>}
          <div className="chosen-shard">
            {chosen ? (
              <>
                <Box>
                  <b>{chosen.id}</b>, {rough(sharePercent(chosen))} % of the hash space
                </Box>
                <SpaceBetween direction="horizontal" size="xs">
                  <Button href={href(["streams", stream, "records"], { from: "oldest", shard: chosen.id })}>Its records</Button>
                  {mayChange && <Button onClick={() => setDialog("split")}>Split…</Button>}
                  {mayChange && <Button disabled={!right} disabledReason="It has no open neighbour at its right." onClick={() => setDialog("merge")}>Merge with its right neighbour…</Button>}
                </SpaceBetween>
              </>
            ) : (
              <Box color="text-body-secondary">Choose a shard to {mayChange ? "split it, merge it, or read it alone" : "read it alone"}.</Box>
            )}
          </div>
        </SpaceBetween>
      </Container>
      {isOnDemand && <DecisionsBox stream={stream} shards={all} warmMibps={summary.value?.WarmThroughput?.TargetMiBps} />}
      {all.length > open.length && <Lineage all={all} />}
      <ShardTable all={all} stream={stream} heats={heats} numbers={numbers} />
      {dialog === "split" && chosen && <SplitDialog stream={stream} shard={chosen} open={open} heat={heats?.get(chosen.id)} close={() => setDialog(undefined)} onDone={changed} />}
      {dialog === "merge" && chosen && right && <MergeDialog stream={stream} left={chosen} right={right} open={open} close={() => setDialog(undefined)} onDone={changed} />}
      {dialog === "count" && <CountDialog stream={stream} open={open} close={() => setDialog(undefined)} onDone={changed} />}
    </SpaceBetween>
  );
}

function useHeats(stream: string, open: readonly MapShard[]) {
  const access = useAccess();
  const [heats, setHeats] = useState<Map<string, Heat>>();
  const [done, setDone] = useState(0);
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const action = useAction(async () => {
    abort.current = new AbortController();
    setHeats(await measure(kinesisOf(access), stream, open.slice(0, MEASURED_MAX), abort.current.signal, setDone));
  });
  return { heats, action, done };
}

function Lineage({ all }: { all: readonly MapShard[] }) {
  const generations = generationsOf(all);
  const shown = generations.slice(-GENERATIONS_MAX);
  return (
    <ExpandableSection variant="container" headerText="Lineage" headerCounter={`(${count(generations.length)} generations)`} headerDescription="Oldest at the top. A shard stands below its parents; grey ones are closed." defaultExpanded>
      <SpaceBetween size="xxs">
        {shown.map((generation, index) => (
          <Strip key={index} isThin shards={generation.slice(0, DRAWN_MAX / GENERATIONS_MAX)} label={`Generation ${generations.length - shown.length + index + 1}`} />
        ))}
      </SpaceBetween>
    </ExpandableSection>
  );
}

function ShardTable(props: {
  all: MapShard[];
  stream: string;
  heats: ReadonlyMap<string, Heat> | undefined;
  numbers: ReadonlyMap<string, { StartingSequenceNumber?: string | undefined; EndingSequenceNumber?: string | undefined }>;
}) {
  const { all, stream, heats, numbers } = props;
  const href = useHref();
  const { items, collectionProps, filterProps, paginationProps } = useCollection(all, {
    filtering: { fields: ["id"], empty: <Nothing title="No shards" />, noMatch: <Nothing title="No shard has such an id" /> },
    pagination: { pageSize: 20 },
    sorting: {},
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      variant="container"
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "Shards" }}
      header={
        <Header variant="h2" counter={`(${count(all.length)})`}>
          All shards
        </Header>
      }
      filter={all.length > 10 ? <TextFilter {...filterProps} filteringPlaceholder="Find shards by id" filteringAriaLabel="Find shards by id" /> : undefined}
      pagination={all.length > 20 ? <Pagination {...paginationProps} ariaLabels={{ nextPageLabel: "Next page", previousPageLabel: "Page before", pageLabel: (page) => `Page ${page}`, paginationLabel: "Pages of shards" }} /> : undefined}
      columnDefinitions={[
        { id: "id", header: "Shard", isRowHeader: true, sortingField: "id", cell: (shard) => <Link href={href(["streams", stream, "records"], { from: "oldest", shard: shard.id })}>{shard.id}</Link> },
        { id: "state", header: "State", cell: (shard) => <StatusIndicator type={shard.isOpen ? "success" : "stopped"}>{shard.isOpen ? "Open" : "Closed"}</StatusIndicator> },
        { id: "share", header: "Share", sortingComparator: (one, other) => sharePercent(one) - sharePercent(other), cell: (shard) => <span title={`${shard.start} to ${shard.end}`}>{rough(sharePercent(shard))} %</span> },
        ...(heats
          ? [
              { id: "records", header: "Records in", cell: (shard: MapShard) => <Amount of={heats.get(shard.id)?.recordsPerS} unit="/s" /> },
              { id: "bytes", header: "Bytes in", cell: (shard: MapShard) => <Amount of={heats.get(shard.id)?.bytesPerS} unit="bytes/s" /> },
            ]
          : []),
        { id: "parents", header: "Parents", cell: (shard) => (shard.parents.length > 0 ? shard.parents.join(", ") : "–") },
        { id: "start", header: "First hash key", cell: (shard) => <span className="mono">{String(shard.start)}</span> },
        { id: "from", header: "Starting sequence number", cell: (shard) => <span className="mono">{numbers.get(shard.id)?.StartingSequenceNumber}</span> },
        { id: "to", header: "Ending sequence number", cell: (shard) => <span className="mono">{numbers.get(shard.id)?.EndingSequenceNumber ?? "–"}</span> },
      ]}
    />
  );
}
