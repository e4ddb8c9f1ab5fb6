import { describe, expect, it } from "vitest";

import { problemOf } from "../api/problem";
import { fromQuery, placeOf, toQuery } from "../records/request";
import { shardsFor } from "../streams/estimate";
import { hrefOf, parseRoute } from "./route";

describe("addresses", () => {
  it("hold any name, and are read back", () => {
    const href = hrefOf("eu-west-1", ["streams", "a/b c%?#", "records"], { from: "oldest", where: '.a == "x&y"', text: "" });
    expect(parseRoute(href, "x")).toMatchObject({ region: "eu-west-1", path: ["streams", "a/b c%?#", "records"] });
    expect(parseRoute(href, "x").query.get("where")).toBe('.a == "x&y"');
    expect(href).not.toContain("text=");
  });
  it("without a region are of the last one, and bad encoding is taken as it stands", () => {
    expect(parseRoute("", "eu-west-1")).toMatchObject({ region: "eu-west-1", path: [] });
    expect(parseRoute("#/r/%zz", "x").path).toEqual(["%zz"]);
  });
  it("hold what records are asked for", () => {
    const asked = fromQuery(new URLSearchParams("from=number&shard=s&number=12&key=k&where=.a&as=hex&scan=10000"));
    expect(fromQuery(new URLSearchParams(Object.entries(toQuery(asked)).filter((one): one is [string, string] => !!one[1])))).toEqual(asked);
    expect(placeOf(asked)).toEqual({ at: "number", shardId: "s", sequenceNumber: "12" });
    expect(typeof placeOf({ ...asked, shardId: "" })).toBe("string");
    expect(typeof placeOf(fromQuery(new URLSearchParams("from=time&time=soon")))).toBe("string");
    expect(fromQuery(new URLSearchParams("from=nonsense&as=x&scan=-1"))).toMatchObject({ at: "newest", reading: "auto", scanMax: 100_000 });
  });
});

describe("shards from traffic", () => {
  it.each([
    [{ recordsPerS: 0, averageBytes: 0, readers: 0 }, 1],
    [{ recordsPerS: 2500, averageBytes: 100, readers: 1 }, 3],
    [{ recordsPerS: 1000, averageBytes: 4096, readers: 1 }, 4],
    [{ recordsPerS: 1000, averageBytes: 1024, readers: 5 }, 3],
  ])("%j needs %d", (traffic, shards) => expect(shardsFor(traffic).shards).toBe(shards));
});

describe("problems", () => {
  const error = (name: string, message: string, httpStatusCode?: number) => Object.assign(new Error(message), { name, ...(httpStatusCode && { $metadata: { httpStatusCode } }) });
  it("name the permission that is missing", () => {
    const message = "User: arn:aws:iam::000000000000:user/x is not authorized to perform: kinesis:PutRecord on resource: arn:aws:kinesis:us-east-1:000000000000:stream/a because no identity-based policy allows it";
    expect(problemOf(error("AccessDeniedException", message, 400))).toMatchObject({ kind: "denied", permission: "kinesis:PutRecord", resource: "arn:aws:kinesis:us-east-1:000000000000:stream/a" });
  });
  it.each([
    [error("TypeError", "Failed to fetch"), "away"],
    [error("TypeError", "NetworkError when attempting to fetch resource."), "away"],
    [error("TypeError", "Load failed"), "away"],
    [error("TypeError", "x is not a function"), "failed"],
    [error("UnrecognizedClientException", "m", 400), "signed-out"],
    [error("ResourceNotFoundException", "m", 400), "gone"],
    [error("LimitExceededException", "m", 400), "throttled"],
    [error("InternalFailure", "m", 500), "failed"],
    [error("InvalidArgumentException", "m", 400), "invalid"],
    ["text", "failed"],
  ])("are of a kind", (thrown, kind) => expect(problemOf(thrown).kind).toBe(kind));
});
