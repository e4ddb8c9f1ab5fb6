//! What the key may do, so that nobody sees a button that cannot work.
//!
//! There is no call that tells. But permission is decided before it is looked whether a stream or table is there: asked to
//! change one that cannot exist, the server says either that it is not allowed or that there is none, and nothing happens.

import { DeleteTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import {
  DeleteStreamCommand,
  PutRecordCommand,
  SplitShardCommand,
  UpdateShardCountCommand,
} from "@aws-sdk/client-kinesis";
import { useSyncExternalStore } from "react";

import { dynamodbOf } from "./dynamodb";
import { kinesisOf } from "./kinesis";
import { problemOf } from "./problem";
import { useSession } from "./session";
import type { Access } from "./access";

/** Groups of actions that are allowed or denied together by nearly every policy. */
export type Deed = "put records" | "change shards" | "change streams" | "delete streams" | "change tables" | "write items";

const NOBODY = "millstream-console-asks-what-it-may-do";

const PROBES: Record<Deed, (access: Access) => Promise<unknown>> = {
  "put records": (access) =>
    kinesisOf(access).send(new PutRecordCommand({ StreamName: NOBODY, PartitionKey: "-", Data: new Uint8Array([0]) })),
  "change shards": (access) =>
    kinesisOf(access).send(new SplitShardCommand({ StreamName: NOBODY, ShardToSplit: "shardId-000000000000", NewStartingHashKey: "1" })),
  "change streams": (access) =>
    kinesisOf(access).send(new UpdateShardCountCommand({ StreamName: NOBODY, TargetShardCount: 1, ScalingType: "UNIFORM_SCALING" })),
  "delete streams": (access) => kinesisOf(access).send(new DeleteStreamCommand({ StreamName: NOBODY })),
  "change tables": (access) => dynamodbOf(access).send(new DeleteTableCommand({ TableName: NOBODY })),
  "write items": (access) => dynamodbOf(access).send(new PutItemCommand({ TableName: NOBODY, Item: { key: { S: "-" } } })),
};

const known = new WeakMap<Access, Map<Deed, boolean | undefined>>();
const listeners = new Set<() => void>();

function may(access: Access, deed: Deed): boolean | undefined {
  let deeds = known.get(access);
  if (!deeds) known.set(access, (deeds = new Map()));
  if (!deeds.has(deed)) {
    deeds.set(deed, undefined);
    const found = deeds;
    void PROBES[deed](access).catch((error: unknown) => {
      const { kind } = problemOf(error);
      if (kind === "away") found.delete(deed);
      else found.set(deed, kind !== "denied");
      for (const listener of listeners) listener();
    });
  }
  return deeds.get(deed);
}

/** Whether the key may do this, as far as is known; false until it is. A server without keys lets everybody do everything. */
export function useMay(deed: Deed): boolean {
  const session = useSession();
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session.state === "in" && (!session.hasKeys || may(session.access, deed) === true),
  );
}
