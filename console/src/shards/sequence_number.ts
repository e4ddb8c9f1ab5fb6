//! What a sequence number says: AWS's layout, version 2.

/** The fields of a sequence number. */
export interface SequenceNumber {
  /** Number of the shard in its stream. */
  shardIndex: number;
  /** When the shard was made, in seconds since 1970: together with the index it tells shards of all streams apart. */
  shardCreatedS: number;
  /** When the record was written, in seconds since 1970. */
  writtenS: number;
}

/** Reads a sequence number; undefined if it has no such layout. */
export function parseSequenceNumber(text: string): SequenceNumber | undefined {
  if (!/^\d{56}$/.test(text)) return undefined;
  const number = BigInt(text);
  const bits = (from: number, width: number) => Number((number >> BigInt(from)) & ((1n << BigInt(width)) - 1n));
  if (number >> 184n !== 2n || bits(0, 4) !== 2) return undefined;
  return { shardIndex: bits(4, 32), writtenS: bits(36, 36), shardCreatedS: bits(148, 36) };
}

/** Whether both are numbers of one shard of one stream, as far as they tell. */
export function isSameShard(one: string, other: string): boolean {
  const [left, right] = [parseSequenceNumber(one), parseSequenceNumber(other)];
  return !!left && !!right && left.shardIndex === right.shardIndex && left.shardCreatedS === right.shardCreatedS;
}
