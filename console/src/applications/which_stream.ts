//! Which stream an application reads: its table does not say. Shard ids are alike in all streams, but the numbers of
//! checkpoints tell when their shard was made.

import { isSameShard } from "../shards/sequence_number";
import { isNumber, type Lease } from "./lease";

/** A stream that it may be. */
export interface Candidate {
  stream: string;
  shards: { id: string; startingHashKey: bigint; endingHashKey: bigint; startingSequenceNumber: string }[];
}

/** The streams that the leases may be of, the likeliest first; empty if none fits. */
export function streamsOf(application: string, leases: readonly Lease[], candidates: readonly Candidate[]): string[] {
  const fits = candidates.flatMap((candidate) => {
    const score = scoreOf(leases, candidate);
    return score === undefined ? [] : [{ stream: candidate.stream, score: score + (sharesName(application, candidate.stream) ? 0.5 : 0) }];
  });
  fits.sort((one, other) => other.score - one.score || one.stream.localeCompare(other.stream));
  const best = fits[0]?.score ?? 0;
  // A number that fits is proof; then those without are out.
  return fits.filter((fit) => (best >= 1 ? fit.score >= 1 : true)).map((fit) => fit.stream);
}

/** 1 and more: numbers prove it. 0: nothing speaks against it. Undefined: it is another stream. */
function scoreOf(leases: readonly Lease[], { stream, shards }: Candidate): number | undefined {
  const byId = new Map(shards.map((shard) => [shard.id, shard]));
  let [known, proven] = [0, 0];
  for (const lease of leases) {
    if (lease.stream !== undefined && lease.stream !== stream) continue;
    const shard = byId.get(lease.shardId);
    // Its shard may be gone, with its records.
    if (!shard) continue;
    known += 1;
    if (lease.startingHashKey !== undefined && (lease.startingHashKey !== shard.startingHashKey || lease.endingHashKey !== shard.endingHashKey)) return undefined;
    if (!isNumber(lease.checkpoint)) continue;
    if (!isSameShard(lease.checkpoint, shard.startingSequenceNumber)) return undefined;
    proven += 1;
  }
  return known === 0 ? undefined : proven;
}

function sharesName(application: string, stream: string): boolean {
  const [one, other] = [application.toLowerCase(), stream.toLowerCase()];
  return one.includes(other) || other.includes(one);
}
