//! The KPL's aggregated records: magic, a protobuf message, its MD5. Anything that does not fit is a plain record.

import { md5 } from "@noble/hashes/legacy.js";

const MAGIC = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES = 16;

/** A record inside an aggregated one. */
export interface UserRecord {
  partitionKey: string;
  explicitHashKey?: string;
  data: Uint8Array;
}

/** The records inside; undefined if the bytes are no aggregated record. */
export function deaggregate(bytes: Uint8Array): UserRecord[] | undefined {
  if (bytes.length <= MAGIC.length + DIGEST_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) return undefined;
  const message = bytes.subarray(MAGIC.length, bytes.length - DIGEST_BYTES);
  const digest = bytes.subarray(bytes.length - DIGEST_BYTES);
  if (md5(message).some((byte, at) => byte !== digest[at])) return undefined;
  try {
    return userRecords(message);
  } catch (error) {
    if (error instanceof NotProtobuf) return undefined;
    throw error;
  }
}

class NotProtobuf extends Error {}

function userRecords(message: Uint8Array): UserRecord[] {
  const keys: string[] = [];
  const hashKeys: string[] = [];
  const records: Uint8Array[] = [];
  for (const [field, value] of fields(message)) {
    if (!(value instanceof Uint8Array)) continue;
    if (field === 1) keys.push(new TextDecoder().decode(value));
    else if (field === 2) hashKeys.push(new TextDecoder().decode(value));
    else if (field === 3) records.push(value);
  }
  return records.map((record) => {
    let partitionKey: string | undefined;
    let explicitHashKey: string | undefined;
    let data: Uint8Array | undefined;
    for (const [field, value] of fields(record)) {
      if (field === 1 && typeof value === "number") partitionKey = keys[value];
      else if (field === 2 && typeof value === "number") explicitHashKey = hashKeys[value];
      else if (field === 3 && value instanceof Uint8Array) data = value;
    }
    if (partitionKey === undefined || data === undefined) throw new NotProtobuf();
    return explicitHashKey === undefined ? { partitionKey, data } : { partitionKey, explicitHashKey, data };
  });
}

/** Fields of a message: numbers of varints, bytes of everything that has a length. */
function* fields(message: Uint8Array): Generator<[number, number | Uint8Array]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new NotProtobuf();
      // Not by bits: they end at 32, and indexes and lengths never come near 2^53.
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new NotProtobuf();
  };
  const take = (count: number): Uint8Array => {
    if (at + count > message.length) throw new NotProtobuf();
    at += count;
    return message.subarray(at - count, at);
  };
  while (at < message.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (field === 0) throw new NotProtobuf();
    switch (tag % 8) {
      case 0:
        yield [field, varint()];
        break;
      case 1:
        take(8);
        break;
      case 2:
        yield [field, take(varint())];
        break;
      case 5:
        take(4);
        break;
      default:
        throw new NotProtobuf();
    }
  }
}
