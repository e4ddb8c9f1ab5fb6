import { describe, expect, it } from "vitest";

import { ExpressionError, parseExpression } from "./expression";
import { complaint, matcher, NO_FILTER } from "./filter";

const value = { price: 120, side: "BUY", tags: ["a", "b"], deep: { "x y": [1, { z: null }] }, flag: false };
const holds = (expression: string) => parseExpression(expression)({ value, key: "k-7", shard: "shardId-000000000001", size: 300 });

describe("field expressions", () => {
  it.each([
    ".price > 100",
    ".price>100&&.side==\"BUY\"",
    ".price < 100 || .side == 'BUY'",
    ".price >= 120 && .price <= 120 && .price != 119",
    "!(.price < 100) && !.flag",
    '.deep["x y"][0] == 1',
    ".deep[\"x y\"][1].z == null",
    ".tags contains \"b\"",
    ".side contains \"U\"",
    '.side matches "^B.Y$"',
    'key == "k-7" && size > 200 && shard contains "1"',
    ".side",
    ". contains \"BUY\"",
    ".missing != 1",
    "1e2 < .price",
  ])("%s holds", (expression) => expect(holds(expression)).toBe(true));

  it.each([".price > 200", ".missing > 1", ".missing == null", ".side > 1", ".flag", ".missing", ".toString", ".__proto__", '.missing matches ".*"', ".tags contains \"c\""])(
    "%s does not hold",
    (expression) => expect(holds(expression)).toBe(false),
  );

  it.each([
    [".price >", 8],
    ["price > 1", 0],
    [".a == ", 6],
    ["(.a", 3],
    [".a .", 4],
    [".a[", 3],
    [".a matches 7", 11],
    ['.a matches "("', 11],
    [".a @ 1", 2],
    ["", 0],
    [".a b", 3],
  ])("%j is refused where it ends to make sense", (expression, at) => {
    let error: unknown;
    try {
      parseExpression(expression);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ExpressionError);
    expect((error as ExpressionError).at).toBe(at);
  });

  it("never fails on what a record holds", () => {
    for (const odd of [undefined, null, 1, "text", [], [null], { price: {} }]) {
      expect(typeof parseExpression('.price > 1 || .a.b[0] contains "x"')({ value: odd, key: "", shard: "", size: 0 })).toBe("boolean");
    }
  });
});

describe("filters", () => {
  const record = { partitionKey: "customer-7", shardId: "shardId-000000000000", sizeBytes: 10, text: 'Hello "World"', value: { n: 1 } };
  it.each([
    [{}, true],
    [{ key: "mer-7" }, true],
    [{ key: "MER" }, false],
    [{ text: "hello" }, true],
    [{ text: "bye" }, false],
    [{ key: "7", text: "world", expression: ".n == 1" }, true],
    [{ key: "7", text: "world", expression: ".n == 2" }, false],
  ])("%j", (filter, isShown) => expect(matcher({ ...NO_FILTER, ...filter })(record)).toBe(isShown));

  it("complain in words", () => {
    expect(complaint("  ")).toBeUndefined();
    expect(complaint(".a == 1")).toBeUndefined();
    expect(complaint("price > 1")).toBe("a field begins with a dot: .price (at letter 1)");
  });
});
