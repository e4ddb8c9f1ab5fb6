//! Making a stream.

import { CreateStreamCommand, IncreaseStreamRetentionPeriodCommand } from "@aws-sdk/client-kinesis";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tiles from "@cloudscape-design/components/tiles";
import { type FormEvent, useState } from "react";

import { kinesisOf } from "../api/kinesis";
import { useAction } from "../api/load";
import { useAccess } from "../api/session";
import { untilActive } from "../api/until_active";
import { useSay } from "../shell/notices";
import { go, useHref } from "../shell/route";
import { bytes, counted } from "../show/format";
import { ProblemBox } from "../show/problem_box";
import { type Tag, TagFields, tagComplaint } from "../show/tag_fields";
import { shardsFor, SHARD_IN_BYTES, SHARD_IN_RECORDS, SHARD_OUT_BYTES } from "./estimate";

/** Retention that a stream has from the start. */
const RETENTION_HOURS = 24;

export default function CreatePage() {
  const access = useAccess();
  const href = useHref();
  const say = useSay();
  const [name, setName] = useState("");
  const [mode, setMode] = useState<"PROVISIONED" | "ON_DEMAND">("PROVISIONED");
  const [shards, setShards] = useState("1");
  const [recordKiB, setRecordKiB] = useState("1024");
  const [retention, setRetention] = useState(String(RETENTION_HOURS));
  const [tags, setTags] = useState<Tag[]>([]);
  const [isChecked, setChecked] = useState(false);

  const nameComplaint = /^[a-zA-Z0-9_.-]{1,128}$/.test(name) ? undefined : "1 to 128 letters, digits, _, . and -";
  const shardComplaint = mode === "ON_DEMAND" || isWhole(shards, 1, 100_000) ? undefined : "a whole number, 1 or more";
  const sizeComplaint = isWhole(recordKiB, 1024, 10_240) ? undefined : "1,024 to 10,240";
  const retentionComplaint = isWhole(retention, 24, 8760) ? undefined : "24 to 8,760 hours";
  const complaints = [nameComplaint, shardComplaint, sizeComplaint, retentionComplaint, tagComplaint(tags)];

  const create = useAction(async () => {
    const kinesis = kinesisOf(access);
    await kinesis.send(
      new CreateStreamCommand({
        StreamName: name,
        ...(mode === "PROVISIONED" && { ShardCount: Number(shards) }),
        StreamModeDetails: { StreamMode: mode },
        ...(recordKiB !== "1024" && { MaxRecordSizeInKiB: Number(recordKiB) }),
        ...(tags.length > 0 && { Tags: Object.fromEntries(tags.map((tag) => [tag.key, tag.value])) }),
      }),
    );
    await untilActive(kinesis, name);
    if (Number(retention) !== RETENTION_HOURS) {
      await kinesis.send(new IncreaseStreamRetentionPeriodCommand({ StreamName: name, RetentionPeriodHours: Number(retention) }));
    }
    say("success", `${name} is there.`);
    go(href(["streams", name, "records"]));
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (complaints.every((complaint) => complaint === undefined)) void create.run();
  };
  const shown = (complaint: string | undefined) => (isChecked && complaint ? { errorText: complaint } : {});
  const open = isWhole(shards, 1, 100_000) ? Number(shards) : 0;
  return (
    <ContentLayout header={<Header variant="h1">Create a stream</Header>}>
      <form onSubmit={submit}>
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" href={href(["streams"])}>
                Cancel
              </Button>
              <Button variant="primary" loading={create.isRunning}>
                Create
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <ProblemBox problem={create.problem} />
            <Container header={<Header variant="h2">Name and capacity</Header>}>
              <SpaceBetween size="l">
                <FormField label="Name" constraintText="1 to 128 letters, digits, _, . and -" {...shown(nameComplaint)}>
                  <Input value={name} onChange={({ detail }) => setName(detail.value)} placeholder="orders" autoFocus spellcheck={false} autoComplete={false} />
                </FormField>
                <FormField label="Mode" stretch>
                  <Tiles
                    value={mode}
                    onChange={({ detail }) => setMode(detail.value as typeof mode)}
                    ariaLabel="Mode"
                    items={[
                      { value: "PROVISIONED", label: "Provisioned", description: "You say how many shards there are, and change it when you want." },
                      { value: "ON_DEMAND", label: "On demand", description: "It starts with four shards, and splits and merges them as its traffic wants." },
                    ]}
                  />
                </FormField>
                {mode === "PROVISIONED" && (
                  <>
                    <FormField
                      label="Shards"
                      {...shown(shardComplaint)}
                      description={
                        open > 0
                          ? `${counted(open, "shard")}: ${bytes(open * SHARD_IN_BYTES)}/s and ${(open * SHARD_IN_RECORDS).toLocaleString("en-US")} records/s in, ${bytes(open * SHARD_OUT_BYTES)}/s out, on AWS; this server takes more.`
                          : ""
                      }
                    >
                      <Input value={shards} onChange={({ detail }) => setShards(detail.value)} type="number" inputMode="numeric" />
                    </FormField>
                    <Estimator use={setShards} />
                  </>
                )}
              </SpaceBetween>
            </Container>
            <ExpandableSection variant="container" headerText="Record size, retention, tags">
              <SpaceBetween size="l">
                <ColumnLayout columns={2}>
                  <FormField label="Largest record, in KiB" constraintText="1,024 to 10,240" {...shown(sizeComplaint)}>
                    <Input value={recordKiB} onChange={({ detail }) => setRecordKiB(detail.value)} type="number" inputMode="numeric" />
                  </FormField>
                  <FormField label="Records are kept for, in hours" constraintText="24 hours to 8,760 (a year)" {...shown(retentionComplaint)}>
                    <Input value={retention} onChange={({ detail }) => setRetention(detail.value)} type="number" inputMode="numeric" />
                  </FormField>
                </ColumnLayout>
                <TagFields tags={tags} onChange={setTags} />
                {isChecked && tagComplaint(tags) && <Box color="text-status-error">{tagComplaint(tags)}</Box>}
              </SpaceBetween>
            </ExpandableSection>
          </SpaceBetween>
        </Form>
      </form>
    </ContentLayout>
  );
}

/** Shards from what a person knows of the traffic. */
function Estimator({ use }: { use: (shards: string) => void }) {
  const [recordsPerS, setRecords] = useState("500");
  const [averageBytes, setBytes] = useState("1024");
  const [readers, setReaders] = useState("1");
  const traffic = { recordsPerS: Number(recordsPerS), averageBytes: Number(averageBytes), readers: Number(readers) };
  const isKnown = Object.values(traffic).every((value) => Number.isFinite(value) && value >= 0);
  const found = isKnown ? shardsFor(traffic) : undefined;
  return (
    <ExpandableSection headerText="Estimate the shards from the traffic">
      <SpaceBetween size="m">
        <ColumnLayout columns={3}>
          <FormField label="Records a second, at most">
            <Input value={recordsPerS} onChange={({ detail }) => setRecords(detail.value)} type="number" inputMode="numeric" />
          </FormField>
          <FormField label="Bytes of a record, on average">
            <Input value={averageBytes} onChange={({ detail }) => setBytes(detail.value)} type="number" inputMode="numeric" />
          </FormField>
          <FormField label="Applications that read by polling">
            <Input value={readers} onChange={({ detail }) => setReaders(detail.value)} type="number" inputMode="numeric" />
          </FormField>
        </ColumnLayout>
        {found && (
          <SpaceBetween direction="horizontal" size="s" alignItems="center">
            <Box>
              <b>{counted(found.shards, "shard")}</b>, because of the {found.because}
            </Box>
            <Button formAction="none" onClick={() => use(String(found.shards))}>
              Use {found.shards}
            </Button>
          </SpaceBetween>
        )}
      </SpaceBetween>
    </ExpandableSection>
  );
}

function isWhole(text: string, least: number, most: number): boolean {
  return /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most;
}
