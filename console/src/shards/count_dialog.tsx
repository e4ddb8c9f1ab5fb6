//! Another number of shards, all of the same width.

import { UpdateShardCountCommand } from "@aws-sdk/client-kinesis";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import { useState } from "react";

import { kinesisOf } from "../api/kinesis";
import { useAccess } from "../api/session";
import { counted, rough } from "../show/format";
import { ChangeDialog } from "./change_dialog";
import { evenShards, type MapShard } from "./geometry";

/** More are not drawn beforehand. */
const DRAWN_MAX = 2000;

export function CountDialog(props: { stream: string; open: readonly MapShard[]; close: () => void; onDone: () => void }) {
  const { stream, open } = props;
  const access = useAccess();
  const [typed, setTyped] = useState(String(open.length));
  const target = /^\d{1,6}$/.test(typed) ? Number(typed) : 0;
  // AWS goes to double and half at most.
  const [least, most] = [Math.ceil(open.length / 2), open.length * 2];
  const complaint = target >= least && target <= most ? undefined : `${least} to ${most}: half as many to twice as many at a time`;
  return (
    <ChangeDialog
      stream={stream}
      header="Change the number of shards"
      verb="Change"
      isReady={complaint === undefined && target !== open.length}
      before={open}
      after={complaint ? open : evenShards(Math.min(target, DRAWN_MAX))}
      does={complaint ? "" : `${counted(target, "shard")} with ${rough(100 / target)} % of the hash space each; those of now are split and merged to get there.`}
      close={props.close}
      change={() => kinesisOf(access).send(new UpdateShardCountCommand({ StreamName: stream, TargetShardCount: target, ScalingType: "UNIFORM_SCALING" }))}
      said={`${stream} has ${counted(target, "shard")}.`}
      onDone={props.onDone}
    >
      <FormField label="Open shards" {...(complaint && { errorText: complaint })}>
        <Input value={typed} onChange={({ detail }) => setTyped(detail.value.trim())} type="number" inputMode="numeric" autoFocus />
      </FormField>
    </ChangeDialog>
  );
}
