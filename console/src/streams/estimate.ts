//! How many shards a stream needs: what a shard takes and gives, as AWS documents it.

/** A shard takes this many bytes a second. */
export const SHARD_IN_BYTES = 1024 * 1024;
/** A shard takes this many records a second. */
export const SHARD_IN_RECORDS = 1000;
/** A shard gives all readers without fan-out together this many bytes a second. */
export const SHARD_OUT_BYTES = 2 * 1024 * 1024;

/** Traffic as a person estimates it. */
export interface Traffic {
  recordsPerS: number;
  averageBytes: number;
  /** Applications that read everything by GetRecords. */
  readers: number;
}

/** Shards for this traffic, at least one; and what asks for the most. */
export function shardsFor({ recordsPerS, averageBytes, readers }: Traffic): { shards: number; because: string } {
  const bytesPerS = recordsPerS * averageBytes;
  const needs: [number, string][] = [
    [bytesPerS / SHARD_IN_BYTES, "bytes that come in, 1 MiB/s a shard"],
    [recordsPerS / SHARD_IN_RECORDS, "records that come in, 1,000/s a shard"],
    [(bytesPerS * readers) / SHARD_OUT_BYTES, "bytes that all readers get, 2 MiB/s a shard"],
  ];
  const [most, because] = needs.reduce((one, other) => (other[0] > one[0] ? other : one));
  return { shards: Math.max(1, Math.ceil(most)), because };
}
