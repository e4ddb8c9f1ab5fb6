//! The stream service, as pages ask it.

import {
  DescribeStreamSummaryCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  type Shard,
  type StreamDescriptionSummary,
  type StreamSummary,
} from "@aws-sdk/client-kinesis";

import type { MapShard } from "../shards/geometry";
import { type Access, clientSettings, once } from "./access";

export const kinesisOf = once((access: Access) => new KinesisClient(clientSettings(access)));

/** All streams of the account in the region. */
export async function listStreams(kinesis: KinesisClient, signal?: AbortSignal): Promise<StreamSummary[]> {
  const streams: StreamSummary[] = [];
  let NextToken: string | undefined;
  do {
    const page = await kinesis.send(new ListStreamsCommand({ Limit: 1000, ...(NextToken && { NextToken }) }), { abortSignal: signal });
    streams.push(...(page.StreamSummaries ?? []));
    NextToken = page.HasMoreStreams ? page.NextToken : undefined;
  } while (NextToken);
  return streams;
}

/** A stream without its shards. */
export async function describeStream(kinesis: KinesisClient, name: string, signal?: AbortSignal): Promise<StreamDescriptionSummary> {
  const answer = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: name }), { abortSignal: signal });
  return answer.StreamDescriptionSummary!;
}

/** All shards of a stream that are still kept, closed ones too, in the order of their ids. */
export async function listShards(kinesis: KinesisClient, name: string, signal?: AbortSignal): Promise<Shard[]> {
  const shards: Shard[] = [];
  let NextToken: string | undefined;
  do {
    const request = NextToken ? { NextToken } : { StreamName: name };
    const page = await kinesis.send(new ListShardsCommand({ ...request, MaxResults: 10_000 }), { abortSignal: signal });
    shards.push(...(page.Shards ?? []));
    NextToken = page.NextToken;
  } while (NextToken);
  return shards;
}

/** A shard as the map needs it. */
export function mapShard(shard: Shard): MapShard {
  return {
    id: shard.ShardId ?? "",
    start: BigInt(shard.HashKeyRange?.StartingHashKey ?? 0),
    end: BigInt(shard.HashKeyRange?.EndingHashKey ?? 0),
    isOpen: shard.SequenceNumberRange?.EndingSequenceNumber === undefined,
    parents: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined),
  };
}
