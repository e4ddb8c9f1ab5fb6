//! Finishing up: a stream, its consumers, and the tables of the applications that read it go together.

import { DeleteTableCommand } from "@aws-sdk/client-dynamodb";
import { DeleteStreamCommand, ListStreamConsumersCommand } from "@aws-sdk/client-kinesis";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useRef, useState } from "react";

import { dynamodbOf } from "../api/dynamodb";
import type { Access } from "../api/access";
import { describeStream, kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { problemOf } from "../api/problem";
import { useAccess } from "../api/session";
import { type Application, applicationNames, candidates, loadApplication, streamOf } from "../applications/load_application";
import { RenewalWatch } from "../applications/renewals";
import { counted } from "../show/format";
import { ProblemBox } from "../show/problem_box";
import { type Done, finishPlan, type Part, partKey } from "./plan";

/** How often the tables are looked at: a worker that renews is seen by the second look. */
const EVERY_MS = 4000;

export default function FinishDialog({ stream, close, onDone }: { stream: string; close: () => void; onDone: () => void }) {
  const access = useAccess();
  const watches = useRef(new Map<string, RenewalWatch>());
  const [left, setLeft] = useState<string[]>([]);
  const [typed, setTyped] = useState("");
  const [isRunning, setRunning] = useState(false);
  const [done, setDone] = useState<Done[]>();
  // What was found before the deletion began is what is told at its end.
  const found = useLoad(
    `finish ${access.region} ${stream}`,
    async (signal) => {
      const kinesis = kinesisOf(access);
      const { StreamARN } = await describeStream(kinesis, stream, signal);
      const consumers = (await kinesis.send(new ListStreamConsumersCommand({ StreamARN }), { abortSignal: signal })).Consumers ?? [];
      const { names, tables } = await applicationNames(access, signal);
      const streams = names.length > 0 ? await candidates(access, signal) : [];
      const applications: Application[] = [];
      for (const name of names) {
        const application = await loadApplication(access, name, tables, signal);
        if (streamOf(application, streams).stream !== stream) continue;
        const watch = watches.current.get(name) ?? new RenewalWatch();
        watches.current.set(name, watch);
        watch.observe(application.leases, Date.now());
        applications.push(application);
      }
      return { consumers: consumers.map((consumer) => consumer.ConsumerName ?? ""), applications };
    },
    done ? undefined : EVERY_MS,
  );
  const last = useRef(found.value);
  if (found.value && !done) last.current = found.value;
  const plan = last.current ? finishPlan(stream, last.current.consumers, last.current.applications) : [];
  const goes = plan.filter((part) => !left.includes(partKey(part)));
  const running = (last.current?.applications ?? []).flatMap((application) => {
    const watch = watches.current.get(application.name);
    const owners = application.leases.flatMap((lease) => (lease.owner && watch?.renewedMs(lease.key) !== undefined ? lease.owner : []));
    return [...new Set(owners)].map((owner) => `${owner} of ${application.name}`);
  });
  const run = async () => {
    setRunning(true);
    const results: Done[] = [];
    setDone(results);
    for (const part of goes) {
      results.push(await remove(access, part));
      setDone([...results]);
    }
    setRunning(false);
  };
  const isOver = done !== undefined && !isRunning;
  return (
    <Modal
      visible
      size="large"
      header={`Finish up ${stream}`}
      onDismiss={() => !isRunning && (isOver ? onDone() : close())}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            {!isOver && (
              <Button variant="link" onClick={close} disabled={isRunning}>
                Cancel
              </Button>
            )}
            {isOver ? (
              <Button variant="primary" onClick={onDone}>
                Close
              </Button>
            ) : (
              <Button variant="primary" loading={isRunning} disabled={typed !== stream || goes.length === 0} onClick={() => void run()}>
                Delete all this
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {!found.value && !found.problem && !done && (
          <Box>
            <Spinner /> Looking for what belongs to {stream}
          </Box>
        )}
        {found.problem?.kind !== "away" && !done && <ProblemBox problem={found.problem} again={found.again} />}
        {running.length > 0 && (
          <div role="status">
            <Alert type="warning" header={isOver ? "Still running" : "Workers still renew their leases"}>
              {running.join(", ")}. {isOver ? "Stop what is left running: it meets a stream that is gone." : "Stop them first, or they go on and find nothing."}
            </Alert>
          </div>
        )}
        {!done && plan.length > 0 && (
          <SpaceBetween size="s">
            <Box variant="awsui-key-label">What goes</Box>
            {plan.map((part) => (
              <Checkbox
                key={partKey(part)}
                checked={!left.includes(partKey(part))}
                onChange={({ detail }) => setLeft((before) => (detail.checked ? before.filter((key) => key !== partKey(part)) : [...before, partKey(part)]))}
                description={part.why}
              >
                {part.kind} {part.name}
              </Checkbox>
            ))}
            <Box color="text-body-secondary" fontSize="body-s">
              Metrics cannot be deleted: CloudWatch's API has no call for it. They end by themselves, here after fifteen days.
            </Box>
            <FormField label={<>To confirm, type {stream}</>}>
              <Input value={typed} onChange={({ detail }) => setTyped(detail.value)} placeholder={stream} autoComplete={false} spellcheck={false} disabled={isRunning} />
            </FormField>
          </SpaceBetween>
        )}
        {done && (
          <SpaceBetween size="s">
            <ProgressBar value={goes.length === 0 ? 100 : (100 * done.length) / goes.length} label="Progress" additionalInfo={`${done.length} of ${goes.length}`} />
            {done.map(({ part, problem }) => (
              <StatusIndicator key={partKey(part)} type={problem ? "error" : "success"}>
                {part.kind} {part.name} {problem ? `is left: ${problem}` : "is deleted"}
              </StatusIndicator>
            ))}
            {isOver && done.every((one) => one.problem === undefined) && running.length === 0 && (
              <Box>{counted(done.length, "thing is", "things are")} gone, and no worker was seen to be left.</Box>
            )}
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Modal>
  );
}

/** Deletes one part; what is gone already is deleted too. */
async function remove(access: Access, part: Part): Promise<Done> {
  try {
    if (part.kind === "stream") await kinesisOf(access).send(new DeleteStreamCommand({ StreamName: part.name, EnforceConsumerDeletion: true }));
    else await dynamodbOf(access).send(new DeleteTableCommand({ TableName: part.name }));
    return { part };
  } catch (error) {
    const problem = problemOf(error);
    return problem.kind === "gone" ? { part } : { part, problem: problem.message };
  }
}
