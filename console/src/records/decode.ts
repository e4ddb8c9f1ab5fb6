//! What is in a record's bytes: told by looking at them, or read as the reader says.

import { decode as decodeCbor } from "cbor2";
import { decompress as unzstd } from "fzstd";

import { deaggregate, type UserRecord } from "./aggregated";
import { hexDump, utf8, visible } from "./bytes";

/** Ways to read a record. `auto` looks at the bytes. */
export const READINGS = ["auto", "json", "text", "cbor", "hex"] as const;
export type Reading = (typeof READINGS)[number];

/** More than this is not taken out of a compressed record: a small record can hold gigabytes of nothing. */
export const UNPACKED_BYTES_MAX = 32 * 1024 * 1024;

/** A record as it can be shown. */
export interface Decoded {
  /** What it is, the outermost first: `["gzip", "JSON"]`. */
  kinds: string[];
  /** As text, every control visible. */
  text: string;
  /** The value, where there is one: what field expressions look at. */
  value?: unknown;
  /** Why it could not be read as asked; `text` is then a dump. */
  problem?: string;
}

/** The records that are in a record: those inside an aggregated one, or itself. */
export function open(data: Uint8Array): UserRecord[] | undefined {
  return deaggregate(data);
}

/** Reads bytes, unpacked first if they are compressed. */
export async function decode(data: Uint8Array, reading: Reading = "auto"): Promise<Decoded> {
  if (reading === "hex") return { kinds: ["binary"], text: hexDump(data) };
  const kinds: string[] = [];
  let bytes = data;
  const packing = packingOf(data);
  if (packing) {
    try {
      bytes = await packing.unpack(data);
      kinds.push(packing.name);
    } catch (error) {
      const problem = `looks like ${packing.name}, but cannot be unpacked: ${messageOf(error)}`;
      return { kinds: ["binary"], text: hexDump(data), problem };
    }
  }
  const plain = readPlain(bytes, reading);
  return { ...plain, kinds: [...kinds, ...plain.kinds] };
}

/** Reads bytes that are not compressed; needs no waiting. */
export function readPlain(bytes: Uint8Array, reading: Reading): Decoded {
  if (reading === "auto") {
    return readJson(bytes) ?? readText(bytes) ?? (startsLikeCbor(bytes) ? readCbor(bytes) : undefined) ?? dump(bytes);
  }
  const read = { json: readJson, text: readText, cbor: readCbor, hex: dump }[reading](bytes);
  return read ?? { ...dump(bytes), problem: `is not ${{ json: "JSON", text: "text in UTF-8", cbor: "CBOR", hex: "" }[reading]}` };
}

/** Whether bytes have to be unpacked before they can be read. */
export function isPacked(bytes: Uint8Array): boolean {
  return packingOf(bytes) !== undefined;
}

function readJson(bytes: Uint8Array): Decoded | undefined {
  const text = utf8(bytes);
  if (text === undefined || text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return { kinds: ["JSON"], text: visible(text), value };
  } catch {
    return undefined;
  }
}

function readText(bytes: Uint8Array): Decoded | undefined {
  const text = utf8(bytes);
  // Text has no NUL; what has one is likelier a number or a length.
  if (text === undefined || text.includes("\0")) return undefined;
  return { kinds: ["text"], text: visible(text) };
}

/** Maps, lists and the tag that says "this is CBOR": of any other first byte it would be a guess. */
function startsLikeCbor(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0;
  return (first >= 0x80 && first <= 0xbf) || (first === 0xd9 && bytes[1] === 0xd9 && bytes[2] === 0xf7);
}

function readCbor(bytes: Uint8Array): Decoded | undefined {
  try {
    const value = asJson(decodeCbor(bytes));
    return { kinds: ["CBOR"], text: visible(JSON.stringify(value)), value };
  } catch {
    return undefined;
  }
}

function dump(bytes: Uint8Array): Decoded {
  return { kinds: ["binary"], text: hexDump(bytes) };
}

/** What CBOR holds and JSON has no word for, as text. */
function asJson(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return `h'${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(asJson);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [String(asJson(key)), asJson(inner)]));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asJson(inner)]));
  }
  return value;
}

interface Packing {
  name: string;
  unpack(bytes: Uint8Array): Promise<Uint8Array>;
}

function packingOf(bytes: Uint8Array): Packing | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { name: "gzip", unpack: gunzip };
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) {
    return { name: "zstd", unpack: async (packed) => unzstdBounded(packed) };
  }
  return undefined;
}

async function gunzip(packed: Uint8Array): Promise<Uint8Array> {
  const unpacked = new Blob([packed as BlobPart]).stream().pipeThrough(new DecompressionStream("gzip"));
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = unpacked.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > UNPACKED_BYTES_MAX) {
      await reader.cancel();
      throw new Error(`it holds more than ${UNPACKED_BYTES_MAX / 1024 / 1024} MiB`);
    }
    parts.push(value);
  }
  return joined(parts, length);
}

function unzstdBounded(packed: Uint8Array): Uint8Array {
  const declared = zstdContentBytes(packed);
  if (declared === undefined || declared > UNPACKED_BYTES_MAX) {
    throw new Error(declared === undefined
      ? "it does not say how much it holds"
      : `it holds more than ${UNPACKED_BYTES_MAX / 1024 / 1024} MiB`);
  }
  return unzstd(packed);
}

/** What a zstd frame says that it holds (RFC 8878 §3.1.1); undefined if it does not say. */
function zstdContentBytes(frame: Uint8Array): number | undefined {
  const descriptor = frame[4];
  if (descriptor === undefined) return undefined;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const flag = descriptor >> 6;
  const width = flag === 0 ? (isSingleSegment ? 1 : 0) : 2 ** flag;
  if (width === 0) return undefined;
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  let bytes = 0;
  for (let index = 0; index < width; index += 1) bytes += (frame[at + index] ?? 0) * 256 ** index;
  return flag === 1 ? bytes + 256 : bytes;
}

function joined(parts: Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
