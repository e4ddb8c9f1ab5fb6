//! One table: its items, indexes and settings.

import { DescribeTimeToLiveCommand, UpdateTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import Tabs from "@cloudscape-design/components/tabs";

import { describeTable, dynamodbOf } from "../api/dynamodb";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { layoutOf } from "../applications/lease";
import { Setting } from "../settings/setting";
import { go, useHref, useRoute } from "../shell/route";
import { Waiting } from "../shell/waiting";
import { Amount } from "../show/amount";
import { Facts } from "../show/facts";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { Status } from "../show/status";
import { Items } from "./items";
import { keyNames, keysText } from "./keys_text";

export default function TablePage() {
  const access = useAccess();
  const href = useHref();
  const { path } = useRoute();
  const [, name = "", tab = "items"] = path;
  const table = useLoad(`table ${access.region} ${access.accessKeyId} ${name}`, (signal) => describeTable(dynamodbOf(access), name, signal), 10_000);
  if (table.problem?.kind === "gone") {
    return (
      <Nothing title={`There is no table ${name}`} action={<Button href={href(["tables"])}>All tables</Button>}>
        It was deleted, or it is in another region than {access.region}.
      </Nothing>
    );
  }
  if (table.isLoading) return <Waiting />;
  const found = table.value;
  const isLeases = found && layoutOf(name, (found.KeySchema ?? []).map((key) => ({ name: key.AttributeName ?? "", type: key.KeyType ?? "" }))) === "leases";
  return (
    <ContentLayout
      header={
        <Header variant="h1" actions={isLeases && <Button href={href(["applications", name])}>The application</Button>}>
          <span className="breakable">{name}</span>
        </Header>
      }
    >
      <SpaceBetween size="l">
        {table.problem?.kind !== "away" && <ProblemBox problem={table.problem} again={table.again} />}
        {found && (
          <Facts
            of={[
              ["Status", <Status of={found.TableStatus} />],
              ["Keys", keysText(found)],
              ["Items", <Amount of={found.ItemCount} />],
              ["Size", <Amount of={found.TableSizeBytes} unit="bytes" />],
              ["Created", <Moment at={found.CreationDateTime} />],
            ]}
          />
        )}
        {found && (
          <Tabs
            ariaLabel={`Parts of ${name}`}
            activeTabId={tab}
            onChange={({ detail }) => go(href(["tables", name, detail.activeTabId]))}
            tabs={[
              { id: "items", label: "Items", content: tab === "items" && <Items table={found} /> },
              { id: "indexes", label: "Indexes", content: tab === "indexes" && <Indexes table={found} /> },
              { id: "settings", label: "Time to live", content: tab === "settings" && <TimeToLive name={name} /> },
            ]}
          />
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Indexes({ table }: { table: NonNullable<Awaited<ReturnType<typeof describeTable>>> }) {
  const indexes = [
    ...(table.GlobalSecondaryIndexes ?? []).map((index) => ({ kind: "Global", status: index.IndexStatus as string | undefined, ...index })),
    ...(table.LocalSecondaryIndexes ?? []).map((index) => ({ kind: "Local", status: "ACTIVE", ...index })),
  ];
  return (
    <Table
      variant="container"
      items={indexes}
      trackBy="IndexName"
      enableKeyboardNavigation
      ariaLabels={{ tableLabel: "Indexes" }}
      header={<Header variant="h2" counter={`(${indexes.length})`}>Indexes</Header>}
      empty={<Nothing title="The table has no index" />}
      columnDefinitions={[
        { id: "name", header: "Name", isRowHeader: true, cell: (index) => index.IndexName },
        { id: "kind", header: "Kind", cell: (index) => index.kind },
        { id: "status", header: "Status", cell: (index) => <Status of={index.status} /> },
        { id: "keys", header: "Keys", cell: (index) => keyNames(index.KeySchema).join(", ") },
        { id: "holds", header: "Holds", cell: (index) => (index.Projection?.ProjectionType === "INCLUDE" ? `keys, ${(index.Projection.NonKeyAttributes ?? []).join(", ")}` : index.Projection?.ProjectionType === "ALL" ? "everything" : "keys") },
        { id: "items", header: "Items", cell: (index) => <Amount of={index.ItemCount} /> },
      ]}
    />
  );
}

function TimeToLive({ name }: { name: string }) {
  const access = useAccess();
  const dynamodb = dynamodbOf(access);
  const ttl = useLoad(`ttl ${name}`, async (signal) => (await dynamodb.send(new DescribeTimeToLiveCommand({ TableName: name }), { abortSignal: signal })).TimeToLiveDescription ?? {});
  if (ttl.isLoading) return <Waiting />;
  if (!ttl.value) return <ProblemBox problem={ttl.problem} again={ttl.again} />;
  const isOn = ttl.value.TimeToLiveStatus === "ENABLED" || ttl.value.TimeToLiveStatus === "ENABLING";
  const attribute = ttl.value.AttributeName ?? "";
  return (
    <Container header={<Header variant="h2">Time to live</Header>}>
      <Setting
        name="Items end"
        deed="change tables"
        now={isOn ? `At the time in ${attribute}` : "Never by themselves"}
        begin={{ isOn, attribute: attribute || "expiresAt" }}
        form={({ value, set }) => (
          <SpaceBetween size="m">
            <RadioGroup
              value={value.isOn ? "on" : "off"}
              ariaLabel="Items end"
              onChange={({ detail }) => set({ ...value, isOn: detail.value === "on" })}
              items={[
                { value: "off", label: "Never by themselves" },
                { value: "on", label: "At the time in an attribute, in seconds since 1970" },
              ]}
            />
            {value.isOn && (
              <FormField label="Attribute">
                <Input value={value.attribute} onChange={({ detail }) => set({ ...value, attribute: detail.value })} spellcheck={false} />
              </FormField>
            )}
          </SpaceBetween>
        )}
        complaint={(value) => (value.isOn === isOn ? "it is so" : value.attribute === "" ? "an attribute" : undefined)}
        change={(value) => dynamodb.send(new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification: { Enabled: value.isOn, AttributeName: value.isOn ? value.attribute : attribute } }))}
        onDone={ttl.again}
      />
    </Container>
  );
}
