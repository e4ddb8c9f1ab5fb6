//! Merging two neighbours.

import { MergeShardsCommand } from "@aws-sdk/client-kinesis";

import { kinesisOf } from "../api/kinesis";
import { useAccess } from "../api/session";
import { rough } from "../show/format";
import { ChangeDialog } from "./change_dialog";
import { type MapShard, sharePercent } from "./geometry";

export function MergeDialog(props: { stream: string; left: MapShard; right: MapShard; open: readonly MapShard[]; close: () => void; onDone: () => void }) {
  const { stream, left, right, open } = props;
  const access = useAccess();
  const merged: MapShard = { id: "merged", start: left.start, end: right.end, isOpen: true, parents: [left.id, right.id] };
  return (
    <ChangeDialog
      stream={stream}
      header={`Merge ${left.id} and ${right.id}`}
      verb="Merge"
      isReady
      before={open}
      after={open.flatMap((one) => (one.id === left.id ? [merged] : one.id === right.id ? [] : [one]))}
      chosen={[left.id, right.id]}
      does={`Both are closed, and one shard with ${rough(sharePercent(merged))} % of the hash space takes their keys.`}
      close={props.close}
      change={() => kinesisOf(access).send(new MergeShardsCommand({ StreamName: stream, ShardToMerge: left.id, AdjacentShardToMerge: right.id }))}
      said={`${left.id} and ${right.id} are merged.`}
      onDone={props.onDone}
    />
  );
}
