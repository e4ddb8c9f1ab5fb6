//! One application: who has which shard, how far everybody is, and what holds a shard up.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useRef, useState } from "react";

import { dynamodbOf, listTables } from "../api/dynamodb";
import { kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useMay } from "../api/permissions";
import { useAccess } from "../api/session";
import { PipelineBoxes } from "../pipelines/pipeline_boxes";
import { hrefOf, replace, useHref, useRoute } from "../shell/route";
import { Waiting } from "../shell/waiting";
import { ago, counted } from "../show/format";
import { Facts } from "../show/facts";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { Behind } from "./behind";
import { type Lag, lagOf, total } from "./lag";
import { type Lease, SHARD_END } from "./lease";
import { LeaseTable } from "./lease_table";
import { candidates, inParallel, loadApplication, streamOf } from "./load_application";
import { MoveDialog } from "./move_dialog";
import { lookBehind } from "./read_behind";
import { RenewalWatch } from "./renewals";

const EVERY_MS = 4000;
/** Of more leases the page looks at those that it shows. */
const LOOKED_MAX = 200;

export default function ApplicationPage() {
  const access = useAccess();
  const href = useHref();
  const { path, query, region } = useRoute();
  const name = path[1] ?? "";
  const typed = query.get("stream") ?? undefined;
  const mayMove = useMay("write items");
  const [isMoving, setMoving] = useState(false);
  const watch = useRef(new RenewalWatch());
  const streams = useLoad(`candidates ${region} ${access.accessKeyId}`, (signal) => candidates(access, signal), 30_000);
  const application = useLoad(
    `application ${region} ${access.accessKeyId} ${name}`,
    async (signal) => {
      const loaded = await loadApplication(access, name, await listTables(dynamodbOf(access), signal), signal);
      watch.current.observe(loaded.leases, Date.now());
      return loaded;
    },
    EVERY_MS,
  );
  const found = application.value;
  const guess = found && streams.value ? streamOf(found, streams.value) : undefined;
  const stream = typed ?? guess?.stream;
  const lags = useLoad(
    `lags ${region} ${name} ${stream ?? ""} ${found ? "found" : ""}`,
    async (signal) => {
      const lookedAt = new Map<string, Lag>();
      if (!found || stream === undefined) return lookedAt;
      const open = found.leases.filter((lease) => lease.checkpoint !== SHARD_END && (lease.stream === undefined || lease.stream === stream));
      await inParallel(open.slice(0, LOOKED_MAX), async (lease) => {
        const look = await lookBehind(kinesisOf(access), stream, lease, signal).catch(() => undefined);
        if (look) lookedAt.set(lease.key, lagOf(look, Date.now()));
      });
      return lookedAt;
    },
    EVERY_MS,
  );
  if (application.problem?.kind === "gone") {
    return (
      <Nothing title={`There is no table ${name}`} action={<Button href={href(["applications"])}>All applications</Button>}>
        The application has not started yet, its table was deleted, or it is in another region.
      </Nothing>
    );
  }
  if (application.isLoading) return <Waiting />;
  const nowMs = application.atMs ?? Date.now();
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button href={href(["tables", name])}>Its table</Button>
              {mayMove && (
                <Button disabled={!found || stream === undefined} disabledReason="Say first which stream it reads." onClick={() => setMoving(true)}>
                  Move checkpoints…
                </Button>
              )}
            </SpaceBetween>
          }
        >
          <span className="breakable">{name}</span>
        </Header>
      }
    >
      <SpaceBetween size="l">
        {application.problem?.kind !== "away" && <ProblemBox problem={application.problem} again={application.again} />}
        {found && (
          <Facts
            of={[
              ["Stream", stream === undefined ? "not known" : <Link href={href(["streams", stream, "records"])}>{stream}</Link>],
              ["Behind, at most", <Behind lag={lags.value && lags.value.size > 0 ? total([...lags.value.values()]) : undefined} />],
              ["Workers", String(new Set(found.leases.flatMap((lease) => lease.owner ?? [])).size)],
              ["Leases", `${found.leases.length}${found.isMore ? " and more" : ""}`],
              ...(found.leader ? [["Leader", <span className="breakable">{found.leader}</span>] as [string, React.ReactNode]] : []),
              ...(found.moreTables.length > 0 ? [["More tables", found.moreTables.join(", ")] as [string, React.ReactNode]] : []),
            ]}
          />
        )}
        {found && streams.value && (stream === undefined || typed !== undefined || (guess?.others.length ?? 0) > 0) && (
          <Container>
            <FormField label="Which stream does it read?" description="Its table does not say, and more than one stream fits, or none.">
              <Select
                selectedOption={stream === undefined ? null : { value: stream, label: stream }}
                placeholder="Choose the stream"
                options={streams.value.map((one) => ({ value: one.stream, label: one.stream }))}
                onChange={({ detail }) => replace(hrefOf(region, ["applications", name], { stream: detail.selectedOption.value }))}
                filteringType="auto"
              />
            </FormField>
          </Container>
        )}
        {found && <Workers leases={found.leases} lags={lags.value} watch={watch.current} nowMs={nowMs} />}
        {found && <LeaseTable leases={found.leases} lags={lags.value} watch={watch.current} nowMs={nowMs} />}
        {found?.pipeline && <PipelineBoxes {...found.pipeline} />}
        {found && <HandOvers watch={watch.current} />}
      </SpaceBetween>
      {isMoving && found && stream !== undefined && (
        <MoveDialog
          application={name}
          stream={stream}
          leases={found.leases}
          watch={watch.current}
          nowMs={nowMs}
          close={() => setMoving(false)}
          onDone={() => {
            setMoving(false);
            application.again();
          }}
        />
      )}
    </ContentLayout>
  );
}

/** Workers, with what each has. */
function Workers({ leases, lags, watch, nowMs }: { leases: Lease[]; lags: ReadonlyMap<string, Lag> | undefined; watch: RenewalWatch; nowMs: number }) {
  const workers = new Map<string, Lease[]>();
  for (const lease of leases) {
    if (lease.checkpoint === SHARD_END) continue;
    const owner = lease.owner ?? "";
    workers.set(owner, [...(workers.get(owner) ?? []), lease]);
  }
  const items = [...workers].map(([owner, own]) => ({ owner, own })).sort((one, other) => one.owner.localeCompare(other.owner));
  return (
    <Table
      variant="container"
      items={items}
      trackBy="owner"
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "Workers" }}
      header={<Header variant="h2">Workers</Header>}
      empty={<Nothing title="No shard is being read" />}
      columnDefinitions={[
        { id: "owner", header: "Worker", isRowHeader: true, cell: ({ owner }) => (owner === "" ? <i>nobody</i> : <span className="breakable">{owner}</span>) },
        { id: "shards", header: "Shards", cell: ({ own }) => <span title={own.map((lease) => lease.shardId).join("\n")}>{counted(own.length, "shard")}</span> },
        { id: "behind", header: "Behind, at most", cell: ({ own }) => <Behind lag={lagsOf(own, lags)} /> },
        {
          id: "renewed",
          header: "Renewed",
          cell: ({ own }) => {
            const renewed = own.flatMap((lease) => watch.renewedMs(lease.key) ?? []);
            return renewed.length > 0 ? ago(nowMs - Math.max(...renewed)) : "not while this page was open";
          },
        },
      ]}
    />
  );
}

function lagsOf(own: Lease[], lags: ReadonlyMap<string, Lag> | undefined): Lag | undefined {
  const known = own.flatMap((lease) => lags?.get(lease.key) ?? []);
  return known.length > 0 ? total(known) : undefined;
}

function HandOvers({ watch }: { watch: RenewalWatch }) {
  return (
    <Container header={<Header variant="h2" description="Since this page was opened.">Hand-overs</Header>}>
      {watch.handOvers.length === 0 ? (
        <Box color="text-body-secondary">No shard went from one worker to another.</Box>
      ) : (
        <ul className="names">
          {watch.handOvers.slice(0, 50).map((one, index) => (
            <li key={index}>
              <Moment at={new Date(one.atMs)} />: {one.shardId} from {one.from ?? "nobody"} to {one.to ?? "nobody"}
            </li>
          ))}
        </ul>
      )}
    </Container>
  );
}
