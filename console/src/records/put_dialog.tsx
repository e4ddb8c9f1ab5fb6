//! Putting a record, or one again that was changed.

import { PutRecordCommand } from "@aws-sdk/client-kinesis";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { type FormEvent, useState } from "react";

import { kinesisOf, listShards, mapShard } from "../api/kinesis";
import { useAction, useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { HASH_SPACE, hashKeyOf, shardFor } from "../shards/geometry";
import { bytes } from "../show/format";
import { ProblemBox } from "../show/problem_box";
import { base64, fromBase64, utf8 } from "./bytes";

/** What the form begins with. */
export interface Draft {
  partitionKey: string;
  explicitHashKey: string;
  data: Uint8Array;
}

export function PutDialog(props: { stream: string; draft: Draft; close: () => void; onPut: (where: { shardId: string; sequenceNumber: string }) => void }) {
  const { stream, draft, close, onPut } = props;
  const access = useAccess();
  const asText = utf8(draft.data);
  const [kind, setKind] = useState<"text" | "base64">(asText === undefined ? "base64" : "text");
  const [partitionKey, setKey] = useState(draft.partitionKey);
  const [hashKey, setHashKey] = useState(draft.explicitHashKey);
  const [content, setContent] = useState(asText ?? base64(draft.data));
  const shards = useLoad(`shards ${stream}`, (signal) => listShards(kinesisOf(access), stream, signal));

  const data = kind === "text" ? new TextEncoder().encode(content) : fromBase64(content);
  const keyComplaint = partitionKey.length >= 1 && partitionKey.length <= 256 ? undefined : "1 to 256 letters";
  const hashComplaint = hashKey === "" || (/^\d{1,39}$/.test(hashKey) && BigInt(hashKey) < HASH_SPACE) ? undefined : "a number from 0 to 2^128 − 1";
  const put = useAction(async () => {
    const answer = await kinesisOf(access).send(
      new PutRecordCommand({ StreamName: stream, PartitionKey: partitionKey, Data: data!, ...(hashKey !== "" && { ExplicitHashKey: hashKey }) }),
    );
    onPut({ shardId: answer.ShardId ?? "", sequenceNumber: answer.SequenceNumber ?? "" });
  });
  const isReady = !keyComplaint && !hashComplaint && data !== undefined;
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (isReady) void put.run();
  };
  const key = !keyComplaint && !hashComplaint ? (hashKey === "" ? hashKeyOf(partitionKey) : BigInt(hashKey)) : undefined;
  const target = key === undefined ? undefined : shardFor((shards.value ?? []).map(mapShard), key)?.id;
  return (
    <Modal
      visible
      header={`Put a record on ${stream}`}
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
            <Button variant="primary" disabled={!isReady} loading={put.isRunning} onClick={() => submit()}>
              Put
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={submit}>
        <SpaceBetween size="m">
          <ProblemBox problem={put.problem} />
          <FormField label="Partition key" {...(partitionKey !== "" && keyComplaint && { errorText: keyComplaint })}>
            <Input value={partitionKey} onChange={({ detail }) => setKey(detail.value)} placeholder="customer-7" autoFocus spellcheck={false} autoComplete={false} />
          </FormField>
          <FormField label="Explicit hash key" description="Empty: the key's own." {...(hashComplaint && { errorText: hashComplaint })}>
            <Input value={hashKey} onChange={({ detail }) => setHashKey(detail.value)} spellcheck={false} autoComplete={false} />
          </FormField>
          <FormField
            label="Data"
            stretch
            {...(data === undefined ? { errorText: "This is no base64." } : { constraintText: `${bytes(data.length)}${target ? `, to ${target}` : ""}` })}
            secondaryControl={
              <SegmentedControl
                label="Data as"
                selectedId={kind}
                onChange={({ detail }) => {
                  const next = detail.selectedId as typeof kind;
                  if (next === kind) return;
                  if (data !== undefined) setContent(next === "base64" ? base64(data) : new TextDecoder().decode(data));
                  setKind(next);
                }}
                options={[
                  // As text, bytes that are none would become others.
                  { id: "text", text: "Text", disabled: data !== undefined && utf8(data) === undefined, disabledReason: "These bytes are no text." },
                  { id: "base64", text: "Base64" },
                ]}
              />
            }
          >
            <div className="mono-area">
              <Textarea value={content} onChange={({ detail }) => setContent(detail.value)} rows={10} spellcheck={false} ariaLabel="Data" />
            </div>
          </FormField>
        </SpaceBetween>
      </form>
    </Modal>
  );
}
