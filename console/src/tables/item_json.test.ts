import { describe, expect, it } from "vitest";

import { apiJson, columnsOf, guardOf, readApiJson, shortValue, unchangedCondition } from "./item_json";

const row = {
  id: { S: "a" },
  big: { N: "12345678901234567890123456789012345678" },
  raw: { B: Uint8Array.of(0, 255) },
  deep: { M: { list: { L: [{ BOOL: true }, { NULL: true }, { BS: [Uint8Array.of(1)] }] } } },
  set: { SS: ["x", "y"] },
};

describe("items as JSON", () => {
  it("come back as they were, numbers with every digit", () => {
    expect(readApiJson(apiJson(row))).toEqual(row);
    expect(apiJson(row)).toContain("12345678901234567890123456789012345678");
  });
  it.each([
    ["[]", "an item is an object"],
    ['{"a": 1}', "a: an attribute is written with its type"],
    ['{"a": {"S": "x", "N": "1"}}', "a: an attribute has one type"],
    ['{"a": {"X": "x"}}', "a: an attribute has one type"],
    ['{"a": {"N": "twelve"}}', "a: N holds a number"],
    ['{"a": {"N": 12}}', "a: N holds text"],
    ['{"a": {"B": "!"}}', "a: B holds base64"],
    ['{"a": {"NULL": false}}', "a: NULL holds true"],
    ['{"a": {"M": {"b": {"L": [{"BOOL": "yes"}]}}}}', "a.b[0]: BOOL holds"],
  ])("%s is refused with its place", (text, message) => expect(() => readApiJson(text)).toThrow(message));

  it("are short in a list", () => {
    expect(shortValue(row.deep)).toBe("{list: [true, null, {1 × bytes}]}");
    expect(shortValue(row.raw)).toBe("2 bytes");
    expect(shortValue(undefined)).toBe("");
  });
  it("have their keys first, then what most of them have", () => {
    expect(columnsOf([{ id: { S: "1" }, b: { S: "" } }, { id: { S: "2" }, b: { S: "" }, a: { S: "" } }], ["id"], 3)).toEqual(["id", "b", "a"]);
  });
});

describe("an item that is written only if nobody has changed it", () => {
  it("names each attribute, whatever it is called", () => {
    const { ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues } = unchangedCondition({ "a b": { S: "1" }, size: { N: "2" } });
    expect(ConditionExpression).toBe("#a0 = :a0 AND #a1 = :a1");
    expect(ExpressionAttributeNames).toEqual({ "#a0": "a b", "#a1": "size" });
    expect(ExpressionAttributeValues).toEqual({ ":a0": { S: "1" }, ":a1": { N: "2" } });
  });
  it("is guarded by what is small where it is large, and by its keys in any case", () => {
    const large = { id: { S: "k".repeat(2000) }, text: { S: "x".repeat(400_000) }, n: { N: "1" } };
    expect(Object.keys(guardOf(large, ["id"]))).toEqual(["id", "n"]);
  });
});
