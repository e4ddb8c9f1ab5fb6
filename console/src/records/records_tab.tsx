//! Records of all shards, merged by arrival, live or from the past, filtered.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { kinesisOf } from "../api/kinesis";
import { useMay } from "../api/permissions";
import { reportProblem } from "../api/reports";
import { useAccess } from "../api/session";
import { useSay } from "../shell/notices";
import { hrefOf, replace, useRoute } from "../shell/route";
import { bytes, count, counted, duration } from "../show/format";
import { Moment } from "../show/moment";
import { useNarrow } from "../show/narrow";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { csv, jsonLines, save } from "./export";
import { isEmpty } from "./filter";
import { type Draft, PutDialog } from "./put_dialog";
import { Reader, type Progress, type ShownRecord } from "./reader";
import { RecordDetail } from "./record_detail";
import { RecordList } from "./record_list";
import { fromQuery, placeOf, type RecordsRequest, toQuery } from "./request";
import { RequestForm } from "./request_form";

/** Records in the list at most, and their bytes: the tab's memory has a bound however long it follows. */
const SHOWN_MAX = 2000;
const SHOWN_BYTES_MAX = 32 * 1024 * 1024;

/** So many answer in more than a moment. */
const MANY_SHARDS = 50;
/** Nearer to the newest record is live. */
const LIVE_MS = 2000;

interface Seen {
  records: ShownRecord[];
  progress?: Progress;
}

export default function RecordsTab({ stream }: { stream: string }) {
  const access = useAccess();
  const { query, region } = useRoute();
  const say = useSay();
  const mayPut = useMay("put records");
  const asked = query.toString();
  const request = useMemo(() => fromQuery(new URLSearchParams(asked)), [asked]);
  const wanted = query.get("record") ?? undefined;
  const [seen, setSeen] = useState<Seen>({ records: [] });
  const [chosen, setChosen] = useState<ShownRecord>();
  const [draft, setDraft] = useState<Draft>();
  const [turn, setTurn] = useState(0);
  const reader = useRef<Reader>(undefined);
  const place = placeOf(request);

  const requestKey = JSON.stringify(request);
  useEffect(() => {
    setSeen({ records: [] });
    setChosen(undefined);
    if (typeof place === "string") return;
    const made = new Reader(
      kinesisOf(access),
      stream,
      {
        from: place,
        ...(request.shardId !== "" && { shardId: request.shardId }),
        filter: request.filter,
        reading: request.reading,
        scanMax: request.scanMax,
        shownMax: SHOWN_MAX,
        shownBytesMax: SHOWN_BYTES_MAX,
      },
      (records, progress) => setSeen({ records, progress }),
    );
    reader.current = made;
    made.start();
    return () => made.stop();
    // The request by its content.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [access, stream, requestKey, turn]);

  const { records, progress } = seen;
  const { problem } = progress ?? {};
  // The page says at its top that the server is away.
  useEffect(() => {
    if (problem) reportProblem(problem);
  }, [problem]);
  // A link to a record opens it.
  const [opened, setOpened] = useState<string>();
  useEffect(() => {
    const found = wanted !== undefined && wanted !== opened && records.find((record) => record.id === wanted);
    if (found) {
      setOpened(wanted);
      setChosen(found);
    }
  }, [wanted, opened, records]);

  const submit = useCallback(
    (next: RecordsRequest) => {
      replace(hrefOf(region, ["streams", stream, "records"], toQuery(next)));
      setTurn((before) => before + 1);
    },
    [region, stream],
  );
  const isNarrow = useNarrow();
  const detail = useRef<HTMLDivElement>(null);
  const chosenId = chosen?.id;
  useEffect(() => {
    // On a small screen it stands below the list.
    if (isNarrow && chosenId !== undefined) detail.current?.scrollIntoView({ block: "start", behavior: "smooth" });
  }, [isNarrow, chosenId]);
  const shown = chosen && (records.find((record) => record.id === chosen.id) ?? chosen);
  return (
    <SpaceBetween size="m">
      <RequestForm stream={stream} request={request} submit={submit} complaint={typeof place === "string" ? place : undefined} />
      {progress?.problem && progress.problem.kind !== "away" && <ProblemBox problem={progress.problem} again={() => setTurn((before) => before + 1)} />}
      <div className="records-bar">
        <State progress={progress} request={request} />
        <SpaceBetween direction="horizontal" size="xs">
          {progress?.state === "reading" && <Button iconName="pause" onClick={() => reader.current?.pause()}>Pause</Button>}
          {progress?.state === "paused" && <Button iconName="play" variant="primary" onClick={() => reader.current?.goOn()}>Go on</Button>}
          <ButtonDropdown
            disabled={records.length === 0}
            items={[
              { id: "jsonl", text: "As JSON lines" },
              { id: "csv", text: "As CSV" },
            ]}
            onItemClick={({ detail }) =>
              detail.id === "csv"
                ? save(`${stream}.csv`, csv(records), "text/csv")
                : save(`${stream}.jsonl`, jsonLines(records), "application/x-ndjson")
            }
          >
            Download
          </ButtonDropdown>
          {mayPut && <Button onClick={() => setDraft({ partitionKey: "", explicitHashKey: "", data: new Uint8Array() })}>Put a record</Button>}
        </SpaceBetween>
      </div>
      <div className={shown ? "records-and-detail" : ""}>
        {records.length > 0 ? (
          <RecordList
            records={records}
            dropped={progress?.dropped ?? 0}
            chosen={shown?.id}
            choose={setChosen}
            startsAtEnd={request.at === "newest"}
            follows={progress?.state === "reading" && (request.at === "newest" || progress.isAtTip)}
          />
        ) : (
          <Container>
            <Empty request={request} progress={progress} readAll={() => submit({ ...request, at: "oldest" })} />
          </Container>
        )}
        {shown && (
          <div ref={detail}>
            <RecordDetail
              key={shown.id}
              record={shown}
              region={region}
              stream={stream}
              mayPut={mayPut}
              close={() => setChosen(undefined)}
              putAgain={() => setDraft({ partitionKey: shown.partitionKey, explicitHashKey: shown.explicitHashKey ?? "", data: shown.data })}
            />
          </div>
        )}
      </div>
      {draft && (
        <PutDialog
          stream={stream}
          draft={draft}
          close={() => setDraft(undefined)}
          onPut={(where) => {
            setDraft(undefined);
            say("success", `The record is on ${where.shardId}, number ${where.sequenceNumber}.`);
          }}
        />
      )}
    </SpaceBetween>
  );
}

/** What the reader does, and how far it is. */
function State({ progress, request }: { progress: Progress | undefined; request: RecordsRequest }) {
  if (!progress) return <StatusIndicator type="pending">Beginning to read</StatusIndicator>;
  const { scanned, scannedBytes, matched, dropped, behindMs, isAtTip, shards, lastArrivedMs } = progress;
  const isFiltered = !isEmpty(request.filter);
  // Who follows the newest is not told of each moment in which more came than one call answers.
  const isLive = isAtTip || (request.at === "newest" && behindMs > 0 && behindMs < LIVE_MS);
  const isBehind = !isLive && progress.state === "reading";
  const status =
    progress.problem?.kind === "away"
      ? ({ type: "pending", text: "Waiting for the server" } as const)
      : progress.state === "ended"
      ? ({ type: "stopped", text: "Ended" } as const)
      : progress.state === "paused"
        ? ({ type: "stopped", text: { budget: "Paused: the scan's budget is used up", shown: "Paused: there is more", none: "Paused" }[progress.because ?? "none"] } as const)
        : isBehind
          ? ({ type: "in-progress", text: readingText(progress) } as const)
          : ({ type: "success", text: `Live, ${counted(shards, "shard")}` } as const);
  return (
    <div className="records-state">
      <StatusIndicator type={status.type}>{status.text}</StatusIndicator>
      <Box color="text-body-secondary" fontSize="body-s" display="inline">
        <span title={`${count(scanned)} records, ${count(scannedBytes)} bytes`}>
          {counted(scanned, "record")} read ({bytes(scannedBytes)})
        </span>
        {(isFiltered || matched !== scanned) && `, ${count(matched)} shown`}
        {dropped > 0 && `, the oldest ${count(dropped)} made room`}
        {lastArrivedMs !== undefined && isBehind && (
          <>
            , at <Moment at={new Date(lastArrivedMs)} />
          </>
        )}
      </Box>
      {isFiltered && isBehind && (
        <ProgressBar
          value={Math.min(100, (100 * progress.scannedOfBudget) / request.scanMax)}
          ariaLabel="How much of the scan's budget is used"
          additionalInfo={`of ${count(request.scanMax)} records, then it asks`}
        />
      )}
    </div>
  );
}

/** How far reading is: of many shards, how many have answered at all. */
function readingText({ behindMs, shards, unanswered }: Progress): string {
  if (shards > MANY_SHARDS && unanswered > 0) return `Reading, ${count(shards - unanswered)} of ${count(shards)} shards so far`;
  return behindMs > 0 ? `Reading, ${duration(behindMs)} behind` : "Reading";
}

function Empty({ request, progress, readAll }: { request: RecordsRequest; progress: Progress | undefined; readAll: () => void }) {
  if (progress?.problem?.kind === "gone") return <Nothing title="The stream is gone" />;
  if (!isEmpty(request.filter) && (progress?.scanned ?? 0) > 0) {
    return <Nothing title="No record matches yet">{counted(progress!.scanned, "record was", "records were")} looked at.</Nothing>;
  }
  if (request.at === "newest") {
    return (
      <Nothing title="Waiting for new records" action={<Button onClick={readAll}>Read from the oldest</Button>}>
        What comes from now on is shown at once.
      </Nothing>
    );
  }
  return <Nothing title={progress?.isAtTip && progress.scanned === 0 ? "There are no records" : "Nothing yet"}>New ones are shown at once.</Nothing>;
}
