//! What to read: from where, which shards, which records.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type FormEvent, memo, useEffect, useState } from "react";

import { kinesisOf, listShards } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { usePreferences } from "../shell/preferences";
import { count } from "../show/format";
import { useNarrow } from "../show/narrow";
import { READINGS, type Reading } from "./decode";
import { complaint as expressionComplaint, isEmpty } from "./filter";
import { type RecordsRequest, SCAN_BUDGETS } from "./request";
import { forgetFilter, rememberFilter, savedFilters } from "./saved_filters";

const PLACES = { newest: "Newest", oldest: "Oldest", time: "A time", number: "A sequence number" } as const;
const READING_NAMES: Record<Reading, string> = { auto: "By its content", json: "JSON", text: "Text", cbor: "CBOR", hex: "Hex" };

/** Kept as it is while records come: they change nothing in it. */
export const RequestForm = memo(Form);

function Form(props: { stream: string; request: RecordsRequest; submit: (request: RecordsRequest) => void; complaint: string | undefined }) {
  const { stream, request, submit } = props;
  const access = useAccess();
  const { zone } = usePreferences();
  const isNarrow = useNarrow();
  const [draft, setDraft] = useState(request);
  const [time, setTime] = useState(() => shownTime(request.time, zone));
  const [saved, setSaved] = useState(() => savedFilters(stream));
  useEffect(() => {
    setDraft(request);
    setTime(shownTime(request.time, zone));
  }, [request, zone]);
  const shards = useLoad(`shards ${stream} ${access.region}`, (signal) => listShards(kinesisOf(access), stream, signal), 30_000);
  const set = (change: Partial<RecordsRequest>) => setDraft((before) => ({ ...before, ...change }));
  const setFilter = (change: Partial<RecordsRequest["filter"]>) => set({ filter: { ...draft.filter, ...change } });
  const wrong = expressionComplaint(draft.filter.expression);
  const run = (event?: FormEvent) => {
    event?.preventDefault();
    if (wrong) return;
    submit({ ...draft, ...(draft.at === "time" && { time: readTime(time, zone) }) });
  };
  const shardOptions = [
    { value: "", label: "All shards" },
    ...(shards.value ?? []).map((shard) => ({
      value: shard.ShardId ?? "",
      label: shard.ShardId ?? "",
      ...(shard.SequenceNumberRange?.EndingSequenceNumber !== undefined && { labelTag: "closed" }),
    })),
  ];
  const { filter } = draft;
  const hasFilter = filter.key !== "" || filter.text !== "" || filter.expression !== "";
  const form = (
    <>
      <form onSubmit={run} className="request">
        <FormField label="From">
          <Select
            selectedOption={{ value: draft.at, label: PLACES[draft.at] }}
            options={Object.entries(PLACES).map(([value, label]) => ({ value, label }))}
            onChange={({ detail }) => set({ at: detail.selectedOption.value as RecordsRequest["at"] })}
          />
        </FormField>
        {draft.at === "time" && (
          <FormField label={zone === "utc" ? "Time, UTC" : "Time, local"} {...(props.complaint && { errorText: props.complaint })}>
            <Input value={time} onChange={({ detail }) => setTime(detail.value)} placeholder="2026-11-28 12:00:00" spellcheck={false} />
          </FormField>
        )}
        {draft.at === "number" && (
          <FormField label="Sequence number" {...(props.complaint && { errorText: props.complaint })}>
            <Input value={draft.sequenceNumber} onChange={({ detail }) => set({ sequenceNumber: detail.value.trim() })} inputMode="numeric" />
          </FormField>
        )}
        <FormField label="Shards">
          <Select
            selectedOption={shardOptions.find((option) => option.value === draft.shardId) ?? { value: draft.shardId, label: draft.shardId }}
            options={shardOptions}
            onChange={({ detail }) => set({ shardId: detail.selectedOption.value ?? "" })}
            filteringType={shardOptions.length > 10 ? "auto" : "none"}
            virtualScroll={shardOptions.length > 50}
          />
        </FormField>
        <FormField label="Partition key has">
          <Input value={filter.key} onChange={({ detail }) => setFilter({ key: detail.value })} type="search" spellcheck={false} />
        </FormField>
        <FormField label="Data has">
          <Input value={filter.text} onChange={({ detail }) => setFilter({ text: detail.value })} type="search" spellcheck={false} />
        </FormField>
        <FormField label="Read data as">
          <Select
            selectedOption={{ value: draft.reading, label: READING_NAMES[draft.reading] }}
            options={READINGS.map((value) => ({ value, label: READING_NAMES[value] }))}
            onChange={({ detail }) => set({ reading: detail.selectedOption.value as Reading })}
          />
        </FormField>
        <div className="wide">
          <FormField label="Fields" stretch {...(wrong && { errorText: wrong })}>
            <Input value={filter.expression} onChange={({ detail }) => setFilter({ expression: detail.value })} placeholder='.price > 100 && .side == "BUY"' spellcheck={false} />
          </FormField>
        </div>
        <FormField label="Ask after">
          <Select
            selectedOption={{ value: String(draft.scanMax), label: `${count(draft.scanMax)} records` }}
            options={SCAN_BUDGETS.map((budget) => ({ value: String(budget), label: `${count(budget)} records` }))}
            onChange={({ detail }) => set({ scanMax: Number(detail.selectedOption.value) })}
          />
        </FormField>
        <div className="request-buttons">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="primary" disabled={wrong !== undefined}>
              Read
            </Button>
            <ButtonDropdown
              ariaLabel="Filters"
              items={[
                { id: "keep", text: "Keep this filter", disabled: !hasFilter || wrong !== undefined },
                { id: "clear", text: "Clear the filter", disabled: !hasFilter },
                ...(saved.length > 0
                  ? [
                      { text: "Kept", items: saved.map((one, index) => ({ id: `use-${index}`, text: one.name })) },
                      { text: "Forget", items: saved.map((one, index) => ({ id: `forget-${index}`, text: one.name })) },
                    ]
                  : []),
              ]}
              onItemClick={({ detail: { id } }) => {
                const [what, which] = id.split("-");
                const one = saved[Number(which)];
                if (what === "keep") setSaved(rememberFilter(stream, filter));
                else if (what === "clear") submit({ ...draft, filter: { key: "", text: "", expression: "" } });
                else if (what === "forget" && one) setSaved(forgetFilter(stream, one.name));
                else if (one) submit({ ...draft, filter: one.filter });
              }}
            >
              Filters
            </ButtonDropdown>
          </SpaceBetween>
        </div>
      </form>
      {shards.problem && shards.problem.kind !== "away" && shards.problem.kind !== "gone" && (
        <Box color="text-status-error">{shards.problem.message}</Box>
      )}
    </>
  );
  // On a small screen the records come first.
  return isNarrow ? (
    <ExpandableSection variant="container" headerText={summaryOf(request)} headingTagOverride="h2">
      {form}
    </ExpandableSection>
  ) : (
    <Container>{form}</Container>
  );
}

/** What is read, in a few words. */
function summaryOf(request: RecordsRequest): string {
  const shards = request.shardId === "" ? "all shards" : request.shardId;
  return `From ${PLACES[request.at].toLowerCase()}, ${shards}${isEmpty(request.filter) ? "" : ", filtered"}`;
}

/** A time of the address as it is typed in a zone. */
function shownTime(time: string, zone: "local" | "utc"): string {
  const date = new Date(time);
  if (time === "" || Number.isNaN(date.getTime())) return time;
  const shifted = zone === "utc" ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19).replace("T", " ");
}

/** A typed time as the address has it; what is no time stays as it is, and is complained about. */
function readTime(text: string, zone: "local" | "utc"): string {
  const trimmed = text.trim();
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(trimmed);
  const date = new Date(hasZone ? trimmed : `${trimmed.replace(" ", "T")}${zone === "utc" ? "Z" : ""}`);
  return Number.isNaN(date.getTime()) ? trimmed : date.toISOString();
}
