//! The list of tables.

import { CreateTableCommand, DeleteTableCommand, type TableDescription } from "@aws-sdk/client-dynamodb";
import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Link from "@cloudscape-design/components/link";
import Modal from "@cloudscape-design/components/modal";
import Pagination from "@cloudscape-design/components/pagination";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { type FormEvent, useState } from "react";

import { describeTable, dynamodbOf, listTables } from "../api/dynamodb";
import { useAction, useLoad } from "../api/load";
import { useMay } from "../api/permissions";
import { useAccess } from "../api/session";
import { inParallel } from "../applications/load_application";
import { useSay } from "../shell/notices";
import { go, useHref } from "../shell/route";
import { Amount } from "../show/amount";
import { DeleteDialog } from "../show/delete_dialog";
import { count } from "../show/format";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { Status } from "../show/status";
import { keysText } from "./keys_text";

const PAGE_SIZE = 25;

export default function TablesPage() {
  const access = useAccess();
  const href = useHref();
  const say = useSay();
  const mayChange = useMay("change tables");
  const [dialog, setDialog] = useState<"create" | "delete">();
  const who = `${access.region} ${access.accessKeyId}`;
  const tables = useLoad(`tables ${who}`, async (signal) => (await listTables(dynamodbOf(access), signal)).map((name) => ({ name })), 10_000);
  const { items, collectionProps, filterProps, paginationProps, actions } = useCollection(tables.value ?? [], {
    filtering: {
      fields: ["name"],
      empty: tables.problem ? (
        <Nothing title="It is not known which there are" />
      ) : (
        <Nothing title="No tables" action={mayChange && <Button onClick={() => setDialog("create")}>Create a table</Button>}>{`There is none in ${access.region}. Applications make theirs when they start.`}</Nothing>
      ),
      noMatch: <Nothing title="No table has such a name" action={<Button onClick={() => actions.setFiltering("")}>Show all</Button>} />,
    },
    pagination: { pageSize: PAGE_SIZE },
    sorting: { defaultState: { sortingColumn: { sortingField: "name" } } },
    selection: { keepSelection: true, trackBy: "name" },
  });
  const shown = items.map((table) => table.name);
  const details = useLoad(
    `table details ${who} ${shown.join()}`,
    async (signal) => {
      const found = new Map<string, TableDescription>();
      await inParallel(shown, async (name) => {
        const table = await describeTable(dynamodbOf(access), name, signal).catch(() => undefined);
        if (table) found.set(name, table);
      });
      return found;
    },
    15_000,
  );
  const selected = (collectionProps.selectedItems ?? []).map((table) => table.name);
  return (
    <>
      <Table
        {...collectionProps}
        items={items}
        variant="full-page"
        enableKeyboardNavigation
        loading={tables.isLoading}
        loadingText="Loading tables"
        {...(mayChange && { selectionType: "multi" as const })}
        ariaLabels={{ tableLabel: "Tables", selectionGroupLabel: "Choose tables", allItemsSelectionLabel: () => "Choose all tables of this page", itemSelectionLabel: (_, table) => `Choose ${table.name}` }}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={tables.value ? `(${count(tables.value.length)})` : ""}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel="Load again" onClick={tables.again} />
                {mayChange && (
                  <Button disabled={selected.length === 0} onClick={() => setDialog("delete")}>
                    Delete
                  </Button>
                )}
                {mayChange && (
                  <Button variant="primary" onClick={() => setDialog("create")}>
                    Create a table
                  </Button>
                )}
              </SpaceBetween>
            }
          >
            Tables
          </Header>
        }
        filter={
          <SpaceBetween size="s">
            {tables.problem?.kind !== "away" && <ProblemBox problem={tables.problem} again={tables.again} />}
            <TextFilter {...filterProps} filteringPlaceholder="Find tables by name" filteringAriaLabel="Find tables by name" />
          </SpaceBetween>
        }
        pagination={paginationProps.pagesCount > 1 && <Pagination {...paginationProps} ariaLabels={{ nextPageLabel: "Next page", previousPageLabel: "Page before", pageLabel: (page) => `Page ${page}`, paginationLabel: "Pages of tables" }} />}
        columnDefinitions={[
          { id: "name", header: "Name", sortingField: "name", isRowHeader: true, cell: (table) => <Link href={href(["tables", table.name])}>{table.name}</Link> },
          { id: "status", header: "Status", cell: (table) => <Status of={details.value?.get(table.name)?.TableStatus} /> },
          { id: "keys", header: "Keys", cell: (table) => keysText(details.value?.get(table.name)) },
          { id: "items", header: "Items", cell: (table) => <Amount of={details.value?.get(table.name)?.ItemCount} /> },
          { id: "size", header: "Size", cell: (table) => <Amount of={details.value?.get(table.name)?.TableSizeBytes} unit="bytes" /> },
          { id: "indexes", header: "Indexes", cell: (table) => String((details.value?.get(table.name)?.GlobalSecondaryIndexes?.length ?? 0) + (details.value?.get(table.name)?.LocalSecondaryIndexes?.length ?? 0)) },
          { id: "created", header: "Created", cell: (table) => <Moment at={details.value?.get(table.name)?.CreationDateTime} /> },
        ]}
      />
      {dialog === "create" && (
        <CreateTable
          close={() => setDialog(undefined)}
          onDone={(name) => {
            say("success", `${name} is there.`);
            go(href(["tables", name]));
          }}
        />
      )}
      {dialog === "delete" && (
        <DeleteDialog
          what={selected.length === 1 ? `the table ${selected[0]}` : `${selected.length} tables`}
          typed={selected.length === 1 ? selected[0]! : "delete"}
          names={selected}
          consequence="Their items go with them: an application whose leases these are begins anew. This cannot be undone."
          close={() => setDialog(undefined)}
          remove={async (TableName) => {
            await dynamodbOf(access).send(new DeleteTableCommand({ TableName }));
          }}
          onDone={(gone) => {
            say("success", gone.length === 1 ? `${gone[0]} is deleted.` : `${gone.length} tables are deleted.`);
            actions.setSelectedItems([]);
            tables.again();
          }}
        />
      )}
    </>
  );
}

type KeyType = "S" | "N" | "B";
const KEY_TYPES = { S: "Text", N: "Number", B: "Bytes" } as const;

function CreateTable({ close, onDone }: { close: () => void; onDone: (name: string) => void }) {
  const access = useAccess();
  const [name, setName] = useState("");
  const [hash, setHash] = useState("");
  const [hashType, setHashType] = useState<KeyType>("S");
  const [range, setRange] = useState("");
  const [rangeType, setRangeType] = useState<KeyType>("S");
  const nameComplaint = /^[a-zA-Z0-9_.-]{3,255}$/.test(name) ? undefined : "3 to 255 letters, digits, _, . and -";
  const keyComplaint = hash === "" ? "A table has a partition key." : hash === range ? "Two keys have two names." : undefined;
  const create = useAction(async () => {
    await dynamodbOf(access).send(
      new CreateTableCommand({
        TableName: name,
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [{ AttributeName: hash, KeyType: "HASH" }, ...(range === "" ? [] : [{ AttributeName: range, KeyType: "RANGE" as const }])],
        AttributeDefinitions: [{ AttributeName: hash, AttributeType: hashType }, ...(range === "" ? [] : [{ AttributeName: range, AttributeType: rangeType }])],
      }),
    );
    onDone(name);
  });
  const isReady = !nameComplaint && !keyComplaint;
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (isReady) void create.run();
  };
  return (
    <Modal
      visible
      header="Create a table"
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
            <Button variant="primary" disabled={!isReady} loading={create.isRunning} onClick={() => submit()}>
              Create
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={submit}>
        <SpaceBetween size="m">
          <FormField label="Name" constraintText="3 to 255 letters, digits, _, . and -">
            <Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus spellcheck={false} autoComplete={false} />
          </FormField>
          <ColumnLayout columns={2}>
            <FormField label="Partition key" {...(hash !== "" && keyComplaint && { errorText: keyComplaint })}>
              <Input value={hash} onChange={({ detail }) => setHash(detail.value)} spellcheck={false} />
            </FormField>
            <TypeField label="Type of the partition key" value={hashType} set={setHashType} />
            <FormField label="Sort key" description="Empty: none.">
              <Input value={range} onChange={({ detail }) => setRange(detail.value)} spellcheck={false} />
            </FormField>
            <TypeField label="Type of the sort key" value={rangeType} set={setRangeType} />
          </ColumnLayout>
          <ProblemBox problem={create.problem} />
        </SpaceBetween>
      </form>
    </Modal>
  );
}

function TypeField({ label, value, set }: { label: string; value: KeyType; set: (value: KeyType) => void }) {
  return (
    <FormField label={label}>
      <Select
        selectedOption={{ value, label: KEY_TYPES[value] }}
        options={Object.entries(KEY_TYPES).map(([id, text]) => ({ value: id, label: text }))}
        onChange={({ detail }) => set(detail.selectedOption.value as KeyType)}
      />
    </FormField>
  );
}
