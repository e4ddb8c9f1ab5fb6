//! The items of a table, page by page: all, or those that a query finds; each can be edited.

import { type AttributeValue, DeleteItemCommand, QueryCommand, ScanCommand, type TableDescription } from "@aws-sdk/client-dynamodb";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { type FormEvent, useState } from "react";

import { dynamodbOf } from "../api/dynamodb";
import { useLoad } from "../api/load";
import { useMay } from "../api/permissions";
import { useAccess } from "../api/session";
import type { Row } from "../applications/lease";
import { visible } from "../records/bytes";
import { useSay } from "../shell/notices";
import { DeleteDialog } from "../show/delete_dialog";
import { counted } from "../show/format";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { ItemDialog } from "./item_dialog";
import { columnsOf, shortValue } from "./item_json";
import { keyNames } from "./keys_text";
import { type Asked, comparisons, type Comparison, queryOf } from "./query";

const PAGE_SIZE = 50;
const COLUMNS_MAX = 8;
const LETTERS_MAX = 60;
/** A key of so many letters stays on one line: a shard's id has 20. */
const UNBROKEN_LETTERS = 24;

type Key = Record<string, AttributeValue>;

export function Items({ table }: { table: TableDescription }) {
  const access = useAccess();
  const say = useSay();
  const mayWrite = useMay("write items");
  const name = table.TableName ?? "";
  const [asked, setAsked] = useState<Asked>({ index: "", hash: "", comparison: "any", range: "", upper: "" });
  /** Where the pages so far began. */
  const [starts, setStarts] = useState<(Key | undefined)[]>([undefined]);
  const [chosen, setChosen] = useState<Row[]>([]);
  const [dialog, setDialog] = useState<{ row?: Row } | "delete">();
  const start = starts.at(-1);
  const keys = keyNames(table.KeySchema);
  const page = useLoad(`items ${name} ${JSON.stringify(asked)} ${starts.length}`, async (signal) => {
    const request = { TableName: name, Limit: PAGE_SIZE, ...(start && { ExclusiveStartKey: start }) };
    const query = queryOf(table, asked);
    const dynamodb = dynamodbOf(access);
    const answer = query
      ? await dynamodb.send(new QueryCommand({ ...request, ...query }), { abortSignal: signal })
      : await dynamodb.send(new ScanCommand({ ...request, ...(asked.index !== "" && { IndexName: asked.index }) }), { abortSignal: signal });
    return { rows: (answer.Items ?? []) as Row[], next: answer.LastEvaluatedKey };
  });
  const rows = page.value?.rows ?? [];
  const columns = columnsOf(rows, keys, COLUMNS_MAX);
  return (
    <SpaceBetween size="l">
      <AskForm
        table={table}
        ask={(next) => {
          setAsked(next);
          setStarts([undefined]);
          setChosen([]);
          page.again();
        }}
      />
      <ProblemBox problem={page.problem} again={page.again} />
      <Table
        variant="container"
        items={rows}
        trackBy={(row) => keys.map((key) => shortValue(row[key])).join("\u0000")}
        loading={page.isLoading}
        loadingText="Loading items"
        enableKeyboardNavigation
        {...(mayWrite && { selectionType: "multi" as const, selectedItems: chosen, onSelectionChange: ({ detail }: { detail: { selectedItems: Row[] } }) => setChosen(detail.selectedItems) })}
        ariaLabels={{
          tableLabel: "Items",
          selectionGroupLabel: "Choose items",
          allItemsSelectionLabel: () => "Choose all items of this page",
          itemSelectionLabel: (_, row) => `Choose ${keys.map((key) => shortValue(row[key])).join(", ")}`,
        }}
        header={
          <Header
            variant="h2"
            counter={page.value ? `(${rows.length}${page.value.next || starts.length > 1 ? ` on page ${starts.length}` : ""})` : ""}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel="Load again" onClick={page.again} />
                {mayWrite && (
                  <Button disabled={chosen.length === 0} onClick={() => setDialog("delete")}>
                    Delete
                  </Button>
                )}
                {mayWrite && <Button onClick={() => setDialog({})}>Put an item…</Button>}
              </SpaceBetween>
            }
          >
            Items
          </Header>
        }
        empty={page.problem ? <Nothing title="It is not known which there are" /> : <Nothing title="No items">{asked.hash === "" ? "The table is empty." : "The query finds none."}</Nothing>}
        columnDefinitions={columns.map((column, at) => ({
          id: column,
          header: visible(column),
          isRowHeader: at === 0,
          ...(at === 0 && { minWidth: 200 }),
          cell: (row: Row) => {
            const text = visible(shortValue(row[column]));
            const short = text.length > LETTERS_MAX ? `${text.slice(0, LETTERS_MAX)}…` : text;
            return at === 0 ? (
              <Button variant="inline-link" onClick={() => setDialog({ row })} ariaLabel={`${mayWrite ? "Edit" : "Show"} ${short}`}>
                <span className={short.length > UNBROKEN_LETTERS ? "breakable" : "nowrap"}>{short === "" ? "(empty)" : short}</span>
              </Button>
            ) : (
              <span title={text.slice(0, 1000)}>{short}</span>
            );
          },
        }))}
        footer={
          <Box textAlign="center">
            <SpaceBetween direction="horizontal" size="xs">
              <Button disabled={starts.length === 1} onClick={() => setStarts(starts.slice(0, -1))}>
                Page before
              </Button>
              <Button disabled={!page.value?.next} onClick={() => setStarts([...starts, page.value!.next])}>
                Next page
              </Button>
            </SpaceBetween>
          </Box>
        }
      />
      {dialog && dialog !== "delete" && (
        <ItemDialog
          table={name}
          keys={keys}
          row={dialog.row}
          mayWrite={mayWrite}
          close={() => setDialog(undefined)}
          onDone={() => {
            setDialog(undefined);
            say("success", "The item is written.");
            page.again();
          }}
        />
      )}
      {dialog === "delete" && (
        <DeleteDialog
          what={counted(chosen.length, "item")}
          typed="delete"
          names={chosen.map((_, index) => String(index))}
          consequence={chosen.slice(0, 5).map((row) => keys.map((key) => shortValue(row[key])).join(", ")).join("; ")}
          close={() => setDialog(undefined)}
          remove={async (index) => {
            const row = chosen[Number(index)]!;
            await dynamodbOf(access).send(new DeleteItemCommand({ TableName: name, Key: Object.fromEntries(keys.map((key) => [key, row[key] as AttributeValue])) }));
          }}
          onDone={(gone) => {
            say("success", `${counted(gone.length, "item is", "items are")} deleted.`);
            setChosen([]);
            page.again();
          }}
        />
      )}
    </SpaceBetween>
  );
}

function AskForm({ table, ask }: { table: TableDescription; ask: (asked: Asked) => void }) {
  const [draft, setDraft] = useState<Asked>({ index: "", hash: "", comparison: "any", range: "", upper: "" });
  const set = (change: Partial<Asked>) => setDraft((before) => ({ ...before, ...change }));
  const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])].map((index) => index.IndexName ?? "");
  const schema = draft.index === "" ? table.KeySchema : [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])].find((index) => index.IndexName === draft.index)?.KeySchema;
  const [hash, range] = keyNames(schema);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask(draft);
  };
  return (
    <Container>
      <form onSubmit={submit} className="request">
        {indexes.length > 0 && (
          <FormField label="In">
            <Select
              selectedOption={{ value: draft.index, label: draft.index || "The table" }}
              options={[{ value: "", label: "The table" }, ...indexes.map((index) => ({ value: index, label: index }))]}
              onChange={({ detail }) => set({ index: detail.selectedOption.value ?? "" })}
            />
          </FormField>
        )}
        <FormField label={`${hash ?? "Key"} is`}>
          <Input value={draft.hash} onChange={({ detail }) => set({ hash: detail.value })} placeholder="anything" spellcheck={false} />
        </FormField>
        {range && draft.hash !== "" && (
          <>
            <FormField label={`${range} is`}>
              <Select
                selectedOption={{ value: draft.comparison, label: comparisons[draft.comparison] }}
                options={Object.entries(comparisons).map(([value, label]) => ({ value, label }))}
                onChange={({ detail }) => set({ comparison: detail.selectedOption.value as Comparison })}
              />
            </FormField>
            {draft.comparison !== "any" && (
              <FormField label="Value">
                <Input value={draft.range} onChange={({ detail }) => set({ range: detail.value })} spellcheck={false} />
              </FormField>
            )}
            {draft.comparison === "between" && (
              <FormField label="and">
                <Input value={draft.upper} onChange={({ detail }) => set({ upper: detail.value })} spellcheck={false} />
              </FormField>
            )}
          </>
        )}
        <div className="request-buttons">
          <Button variant="primary">{draft.hash === "" ? "Show all" : "Query"}</Button>
        </div>
      </form>
    </Container>
  );
}
