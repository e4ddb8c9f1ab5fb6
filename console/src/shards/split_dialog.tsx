//! Splitting a shard: in the middle of its hash keys, of what was measured, or anywhere.

import { SplitShardCommand } from "@aws-sdk/client-kinesis";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import { kinesisOf } from "../api/kinesis";
import { useAccess } from "../api/session";
import { rough } from "../show/format";
import { ChangeDialog } from "./change_dialog";
import { type MapShard, measuredMiddle, middleOf, sharePercent, splitComplaint } from "./geometry";
import type { Heat } from "./measure";

type Where = "middle" | "measured" | "typed";

export function SplitDialog(props: { stream: string; shard: MapShard; open: readonly MapShard[]; heat: Heat | undefined; close: () => void; onDone: () => void }) {
  const { stream, shard, open, heat } = props;
  const access = useAccess();
  const middle = middleOf(shard);
  const measured = heat && measuredMiddle(shard, heat.hashKeys);
  const [where, setWhere] = useState<Where>(measured === undefined ? "middle" : "measured");
  const [typed, setTyped] = useState(String(middle ?? ""));
  const at = where === "middle" ? middle : where === "measured" ? measured : /^\d{1,39}$/.test(typed) ? BigInt(typed) : undefined;
  const complaint = at === undefined ? "a hash key is a number" : splitComplaint(shard, at);
  const halves: MapShard[] =
    at === undefined || complaint
      ? [shard]
      : [
          { ...shard, id: "left", end: at - 1n, parents: [shard.id] },
          { ...shard, id: "right", start: at, parents: [shard.id] },
        ];
  return (
    <ChangeDialog
      stream={stream}
      header={`Split ${shard.id}`}
      verb="Split"
      isReady={complaint === undefined}
      before={open}
      after={open.flatMap((one) => (one.id === shard.id ? halves : [one]))}
      chosen={[shard.id]}
      marks={at === undefined || complaint ? [] : [at]}
      does={
        halves.length === 2
          ? `It is closed, and two shards with ${rough(sharePercent(halves[0]!))} % and ${rough(sharePercent(halves[1]!))} % of the hash space take its keys.`
          : ""
      }
      close={props.close}
      change={() => kinesisOf(access).send(new SplitShardCommand({ StreamName: stream, ShardToSplit: shard.id, NewStartingHashKey: String(at) }))}
      said={`${shard.id} is split.`}
      onDone={props.onDone}
    >
      <SpaceBetween size="m">
        <FormField label="Where">
          <RadioGroup
            value={where}
            onChange={({ detail }) => setWhere(detail.value as Where)}
            items={[
              { value: "middle", label: "In the middle of its hash keys", ...(middle === undefined && { disabled: true }) },
              {
                value: "measured",
                label: "Where half of the last minute's records lie at each side",
                disabled: measured === undefined,
                ...(measured === undefined && { description: heat ? "All that came had one key: no split helps." : "Measure the last minute first." }),
              },
              { value: "typed", label: "At a hash key" },
            ]}
          />
        </FormField>
        {where === "typed" && (
          <FormField label="First hash key of the right half" {...(complaint && { errorText: complaint })} stretch>
            <Input value={typed} onChange={({ detail }) => setTyped(detail.value.trim())} inputMode="numeric" spellcheck={false} />
          </FormField>
        )}
      </SpaceBetween>
    </ChangeDialog>
  );
}
