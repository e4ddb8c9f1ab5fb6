//! Moving the checkpoints of an application that has stopped, with a preview; refused while a worker renews.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Multiselect from "@cloudscape-design/components/multiselect";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useEffect, useRef, useState } from "react";

import { dynamodbOf } from "../api/dynamodb";
import { kinesisOf } from "../api/kinesis";
import { useAction } from "../api/load";
import { useAccess } from "../api/session";
import { useSay } from "../shell/notices";
import { count, counted, duration } from "../show/format";
import { ProblemBox } from "../show/problem_box";
import { compareCheckpoints, isNumber, type Lease, SHARD_END } from "./lease";
import { inParallel } from "./load_application";
import { type Effect, moveCheckpoint, type Target } from "./move";
import { checkpointBefore, countBetween } from "./read_behind";
import type { RenewalWatch } from "./renewals";

/** A worker that lives renews several times in this. */
export const QUIET_MS = 15_000;
/** Records of a shard that the preview counts. */
const COUNTED_MAX = 50_000;

type To = "oldest" | "newest" | "time";
interface Step {
  lease: Lease;
  target: Target;
  effect: Effect;
  count: number;
  isAtLeast: boolean;
}

export function MoveDialog(props: {
  application: string;
  stream: string;
  leases: readonly Lease[];
  watch: RenewalWatch;
  nowMs: number;
  close: () => void;
  onDone: () => void;
}) {
  const { application, stream, watch, nowMs, close } = props;
  const access = useAccess();
  const say = useSay();
  const leases = props.leases.filter((lease) => lease.checkpoint !== SHARD_END && (lease.stream === undefined || lease.stream === stream));
  const ended = props.leases.length - leases.length;
  const [to, setTo] = useState<To>("oldest");
  const [time, setTime] = useState(() => new Date(Date.now() - 3_600_000).toISOString().slice(0, 19) + "Z");
  const [keys, setKeys] = useState<string[]>([]);
  const [steps, setSteps] = useState<Step[]>();
  const chosen = keys.length === 0 ? leases : leases.filter((lease) => keys.includes(lease.key));
  const lively = chosen.filter((lease) => watch.unchangedMs(lease.key, nowMs) < QUIET_MS);
  const isQuiet = lively.length === 0;
  const date = new Date(time);
  const isTimeRight = to !== "time" || !Number.isNaN(date.getTime());
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  useEffect(() => setSteps(undefined), [to, time, keys]);

  const preview = useAction(async () => {
    abort.current?.abort();
    const { signal } = (abort.current = new AbortController());
    const kinesis = kinesisOf(access);
    const found: Step[] = [];
    await inParallel(chosen, async (lease) => {
      const target: Target =
        to === "time"
          ? await checkpointBefore(kinesis, stream, lease.shardId, date, signal)
          : { checkpoint: to === "oldest" ? "TRIM_HORIZON" : "LATEST", subSequenceNumber: 0 };
      found.push({ lease, target, ...(await effectOf(lease, target, (from, end) => countBetween(kinesis, stream, { shardId: lease.shardId, checkpoint: from }, end, COUNTED_MAX, signal))) });
    });
    setSteps(found.sort((one, other) => (one.lease.key < other.lease.key ? -1 : 1)));
  });

  const move = useAction(async () => {
    let moved = 0;
    for (const step of steps ?? []) {
      // As it is in the table now: a renewal since the preview is seen by the condition.
      const now = leases.find((lease) => lease.key === step.lease.key);
      if (!now || now.checkpoint !== step.lease.checkpoint) throw new Error(`${step.lease.shardId} has changed since the preview; ${moved} of ${steps!.length} were moved`);
      try {
        await moveCheckpoint(dynamodbOf(access), application, now, step.target);
      } catch (error) {
        if (error instanceof Error && error.name === "ConditionalCheckFailedException") {
          throw new Error(`a worker has renewed ${step.lease.shardId}: it still runs. ${moved} of ${steps!.length} were moved, and this one was not`);
        }
        throw error;
      }
      moved += 1;
    }
    say("success", `The checkpoints of ${counted(moved, "shard")} are moved. A worker that starts now begins there.`);
    props.onDone();
  });

  return (
    <Modal
      visible
      size="large"
      header={`Move checkpoints of ${application}`}
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
            <Button loading={preview.isRunning} disabled={!isTimeRight || chosen.length === 0} onClick={() => void preview.run()}>
              Preview
            </Button>
            <Button variant="primary" disabled={!steps || !isQuiet} loading={move.isRunning} onClick={() => void move.run()}>
              Move
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <div role="status">
          {isQuiet ? (
            <Alert type="success">No worker has renewed these leases for {duration(QUIET_MS)}: the application has stopped.</Alert>
          ) : (
            <Alert type="warning" header={watched(lively, watch) ? "A worker still renews" : "Watching whether a worker renews"}>
              {watched(lively, watch)
                ? `${[...new Set(lively.flatMap((lease) => lease.owner ?? []))].join(", ")} holds ${counted(lively.length, "of these shards", "of these shards")}. Stop the application first: it would write its own checkpoint over this one.`
                : `That takes ${duration(QUIET_MS)}.`}
            </Alert>
          )}
        </div>
        <FormField label="To">
          <RadioGroup
            value={to}
            onChange={({ detail }) => setTo(detail.value as To)}
            items={[
              { value: "oldest", label: "The oldest record that is kept" },
              { value: "time", label: "The first record at or after a time" },
              { value: "newest", label: "The newest: what comes after the next start" },
            ]}
          />
        </FormField>
        {to === "time" && (
          <FormField label="Time" constraintText="As 2026-11-28T12:00:00Z" {...(!isTimeRight && { errorText: "This is no time." })}>
            <Input value={time} onChange={({ detail }) => setTime(detail.value)} spellcheck={false} />
          </FormField>
        )}
        <FormField label="Shards" description={ended > 0 ? `${counted(ended, "shard has", "shards have")} ended and stay so: what they held is not read again.` : ""}>
          <Multiselect
            selectedOptions={keys.map((key) => ({ value: key, label: key }))}
            options={leases.map((lease) => ({ value: lease.key, label: lease.shardId, description: lease.owner ?? "nobody's" }))}
            onChange={({ detail }) => setKeys(detail.selectedOptions.map((option) => option.value ?? ""))}
            placeholder={`All ${leases.length}`}
            deselectAriaLabel={(option) => `Leave out ${option.label}`}
            filteringType={leases.length > 10 ? "auto" : "none"}
          />
        </FormField>
        {steps && <Preview steps={steps} />}
        <ProblemBox problem={preview.problem ?? move.problem} />
      </SpaceBetween>
    </Modal>
  );
}

function watched(lively: readonly Lease[], watch: RenewalWatch): boolean {
  return lively.some((lease) => watch.renewedMs(lease.key) !== undefined);
}

/** What happens to the records between where a lease is and where it goes. */
async function effectOf(
  lease: Lease,
  target: Target,
  countFrom: (from: string, end: string | undefined) => Promise<{ count: number; isAtLeast: boolean }>,
): Promise<{ effect: Effect; count: number; isAtLeast: boolean }> {
  const [now, then] = [lease.checkpoint, target.checkpoint];
  if (now === then) return { effect: "same", count: 0, isAtLeast: false };
  if (then === "LATEST") return { effect: "never", ...(await countFrom(now, undefined)) };
  if (now === "LATEST" || now === "AT_TIMESTAMP") return { effect: "again", ...(await countFrom(then, undefined)) };
  const isBack = compareCheckpoints(then, now) < 0;
  const [from, end] = isBack ? [then, now] : [now, then];
  return { effect: isBack ? "again" : "never", ...(await countFrom(from, isNumber(end) ? end : undefined)) };
}

function Preview({ steps }: { steps: readonly Step[] }) {
  const sum = (effect: Effect) => steps.filter((step) => step.effect === effect).reduce((total, step) => total + step.count, 0);
  const isAtLeast = steps.some((step) => step.isAtLeast) ? "at least " : "";
  return (
    <SpaceBetween size="xs">
      <Box variant="awsui-key-label">What it does</Box>
      <ul className="names">
        {steps.map(({ lease, effect, count: records, isAtLeast: isMore }) => (
          <li key={lease.key}>
            {lease.shardId}:{" "}
            {effect === "same" ? "stays where it is" : `${isMore ? "at least " : ""}${counted(records, "record")} ${effect === "again" ? "are read again" : "are never read"}`}
          </li>
        ))}
      </ul>
      <StatusIndicator type={sum("never") > 0 ? "warning" : "info"}>
        Together {isAtLeast}
        {count(sum("again"))} again, {isAtLeast}
        {count(sum("never"))} never
      </StatusIndicator>
    </SpaceBetween>
  );
}
