import { gzipSync } from "node:zlib";

import { encode } from "cbor2";
import { md5 } from "@noble/hashes/legacy.js";
import { describe, expect, it } from "vitest";

import { deaggregate } from "./aggregated";
import { base64, fromBase64, hexDump, visible } from "./bytes";
import { decode, UNPACKED_BYTES_MAX } from "./decode";
import { indented } from "./json_text";

const bytes = (text: string) => new TextEncoder().encode(text);
const fromHex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** An aggregated record made by hand: fields as the KPL writes them. */
function aggregated(message: number[]): Uint8Array {
  const body = Uint8Array.from(message);
  return Uint8Array.from([0xf3, 0x89, 0x9a, 0xc2, ...body, ...md5(body)]);
}
const field = (number: number, content: ArrayLike<number>) => [number * 8 + 2, content.length, ...Array.from(content)];

describe("what is in a record", () => {
  it.each([
    ['{"price":12}', ["JSON"]],
    ["42", ["JSON"]],
    ["hello, world", ["text"]],
    ["", ["text"]],
  ])("tells %j by its bytes", async (text, kinds) => {
    expect((await decode(bytes(text))).kinds).toEqual(kinds);
  });

  it("reads CBOR, and shows what JSON has no word for", async () => {
    const decoded = await decode(encode({ price: 12.5, big: 2n ** 70n, raw: Uint8Array.of(1, 255) }));
    expect(decoded.kinds).toEqual(["CBOR"]);
    expect(decoded.value).toEqual({ price: 12.5, big: "1180591620717411303424", raw: "h'01ff'" });
  });

  it("takes binary for binary, and does not guess CBOR from a number", async () => {
    expect((await decode(Uint8Array.of(0, 1, 2, 3))).kinds).toEqual(["binary"]);
    expect((await decode(Uint8Array.of(0xff, 0x00))).kinds).toEqual(["binary"]);
  });

  it("unpacks gzip and zstd", async () => {
    expect(await decode(gzipSync('{"a":1}'))).toMatchObject({ kinds: ["gzip", "JSON"], value: { a: 1 } });
    // `printf '{"a":1}' | zstd`
    const zstd = fromHex("28b52ffd2407390000" + "7b2261223a317d" + "b0d8d2d2");
    expect(await decode(zstd)).toMatchObject({ kinds: ["zstd", "JSON"], value: { a: 1 } });
  });

  it("says what is wrong with what only looks packed", async () => {
    const decoded = await decode(Uint8Array.of(0x1f, 0x8b, 1, 2, 3));
    expect(decoded.kinds).toEqual(["binary"]);
    expect(decoded.problem).toContain("gzip");
  });

  it("does not unpack gigabytes", async () => {
    const bomb = gzipSync(new Uint8Array(UNPACKED_BYTES_MAX + 1));
    expect((await decode(bomb)).problem).toContain("more than 32 MiB");
    const liar = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0x7f);
    expect((await decode(liar)).problem).toContain("more than 32 MiB");
  });

  it("reads as it is told, and says so when that does not go", async () => {
    expect((await decode(bytes('{"a":1}'), "text")).kinds).toEqual(["text"]);
    expect((await decode(bytes("hello"), "json")).problem).toContain("JSON");
    expect((await decode(bytes("hi"), "hex")).text).toContain("68 69");
  });
});

describe("hostile contents", () => {
  it("shows controls and marks of direction", () => {
    expect(visible("a\u0000b\u202ec\u001b[31m\n")).toBe("a\\u0000b\\u202ec\\u001b[31m\n");
  });
  it("leaves markup as it is: it is text", async () => {
    const text = "<img src=x onerror=alert(1)>";
    expect((await decode(bytes(text))).text).toBe(text);
  });
});

describe("aggregated records", () => {
  const one = field(3, [0x08, 0, ...field(3, bytes("first"))]);
  const two = field(3, [0x08, 1, 0x10, 0, ...field(3, bytes("second"))]);
  const tables = [...field(1, bytes("k1")), ...field(1, bytes("k2")), ...field(2, bytes("7"))];

  it("are taken apart, with keys from the tables", () => {
    expect(deaggregate(aggregated([...tables, ...one, ...two]))).toEqual([
      { partitionKey: "k1", data: bytes("first") },
      { partitionKey: "k2", explicitHashKey: "7", data: bytes("second") },
    ]);
  });

  it.each([
    ["a wrong digest", () => aggregated([...tables, ...one]).map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte))],
    ["a key that is not in the table", () => aggregated(one)],
    ["a length beyond the end", () => aggregated([0x1a, 100, 1])],
    ["a number without an end", () => aggregated([0x08, 0xff, 0xff])],
    ["the magic alone", () => Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2)],
  ])("with %s are plain records", (_, make) => {
    expect(deaggregate(make())).toBeUndefined();
  });
});

describe("bytes", () => {
  it("go through base64 and back, also many", () => {
    const many = Uint8Array.from({ length: 100_000 }, (_, at) => at % 251);
    expect(fromBase64(base64(many))).toEqual(many);
    expect(fromBase64("!")).toBeUndefined();
  });
  it("are dumped sixteen to a line, up to a bound", () => {
    const lines = hexDump(new Uint8Array(40), 32).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[2]).toContain("8 more bytes");
  });
});

describe("JSON on lines", () => {
  it("keeps every letter but the blanks", () => {
    const text = '{"n":12345678901234567890,"s":"a, {b}: \\"c\\"","e":{},"l":[1,[]]}';
    const lines = indented(text);
    expect(JSON.parse(lines)).toEqual(JSON.parse(text));
    expect(lines).toContain("12345678901234567890");
    expect(lines).toContain('"e": {},\n');
    expect(lines).toBe(JSON.stringify(JSON.parse(text), null, 2).replace("12345678901234567000", "12345678901234567890"));
  });
});
