import { CreateStreamCommand, DescribeStreamSummaryCommand, ListShardsCommand, PutRecordsCommand, UpdateAccountSettingsCommand, UpdateStreamWarmThroughputCommand } from "@aws-sdk/client-kinesis";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { hashKeyOf } from "../src/shards/geometry";
import { ConsolePage, missing, openBrowser } from "./browser";
import { TestServer } from "./server";

describe.skipIf(missing())("shards", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "orders", ShardCount: 2 }));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  const open = async (stream = "orders") => {
    const { Shards } = await server.kinesis().send(new ListShardsCommand({ StreamName: stream }));
    return Shards!.filter((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined);
  };

  it("one is split where half of what came lies at each side", async () => {
    const keys = Array.from({ length: 100 }, (_, at) => `key-${at}`);
    const inFirst = keys.map(hashKeyOf).filter((hash) => hash < 2n ** 127n).sort((one, other) => (one < other ? -1 : 1));
    const middle = inFirst[Math.floor(inFirst.length / 2)]!;
    const Records = keys.map((PartitionKey) => ({ PartitionKey, Data: Uint8Array.of(1) }));
    await server.kinesis().send(new PutRecordsCommand({ StreamName: "orders", Records }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/orders/shards");
    await page.press("Measure the last minute");
    await page.page.getByRole("button", { name: /: shardId-000000000000, open, 50 % of the hash space, \S+ records\/s/ }).click();
    await page.press("Split…");
    await page.sees("It is closed, and two shards with");
    await page.pressInDialog("Split");
    await page.sees("shardId-000000000000 is split.");
    expect((await open()).map((shard) => shard.HashKeyRange?.StartingHashKey)).toEqual([String(2n ** 127n), "0", String(middle)]);
    await page.sees("Lineage");
    await page.close();
  });

  it("one that is chosen is in the address, and is split at a hash key that is typed", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "typed", ShardCount: 1 }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/typed/shards");
    await page.page.getByRole("button", { name: /: shardId-000000000000/ }).click();
    expect(new URL(page.page.url()).hash).toBe("#/us-east-1/streams/typed/shards?shard=shardId-000000000000");
    const sent = await ConsolePage.open(browser, server.url, new URL(page.page.url()).hash);
    await sent.press("Split…");
    await sent.page.getByRole("radio", { name: "At a hash key" }).check();
    await sent.fill("First hash key of the right half", "0");
    await sent.sees("the first hash key of the right half lies between 1 and 340282366920938463463374607431768211455");
    expect(await sent.page.getByRole("dialog").getByRole("button", { name: "Split", exact: true }).isDisabled()).toBe(true);
    await sent.fill("First hash key of the right half", "1000");
    await sent.pressInDialog("Split");
    await sent.sees("shardId-000000000000 is split.");
    expect((await open("typed")).map((shard) => shard.HashKeyRange?.StartingHashKey)).toEqual(["0", "1000"]);
    await sent.close();
    await page.close();
  });

  it("two neighbours are merged", async () => {
    const before = (await open()).length;
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/orders/shards");
    await page.page.getByRole("button", { name: /: shardId-000000000003/ }).click();
    await page.press("Merge with its right neighbour…");
    await page.sees("Both are closed, and one shard with");
    await page.pressInDialog("Merge");
    await page.sees(/shardId-000000000003 and shardId-000000000001 are merged/);
    expect(await open()).toHaveLength(before - 1);
    await page.close();
  });

  it("the count is changed within what AWS allows", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/orders/shards");
    await page.press("Change the count…");
    await page.fill("Open shards", "9");
    await page.sees("1 to 4: half as many to twice as many at a time");
    await page.fill("Open shards", "4");
    await page.sees("4 shards with 25 % of the hash space each");
    await page.pressInDialog("Change");
    await page.sees("orders has 4 shards.");
    expect(await open()).toHaveLength(4);
    await page.close();
  });

  it("what the server made of an on-demand stream's shards is told with its reason, and is nobody else's to change", async () => {
    const kinesis = server.kinesis();
    await kinesis.send(new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status: "ENABLED" } }));
    await kinesis.send(new CreateStreamCommand({ StreamName: "elastic", StreamModeDetails: { StreamMode: "ON_DEMAND" } }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/elastic/shards");
    await page.sees("No shard was split or merged");
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: "elastic" }));
    await kinesis.send(new UpdateStreamWarmThroughputCommand({ StreamARN: StreamDescriptionSummary?.StreamARN, WarmThroughputMiBps: 6 }));
    await page.sees("4 → 6 shards");
    await page.sees("The warm throughput wants 6 shards.");
    await page.sees(/since the server started: \d+ splits? and \d+ merges?/);
    expect(await page.page.getByRole("button", { name: "Change the count…" }).count()).toBe(0);
    await page.page.locator(".strip button.part").first().click();
    await page.page.getByRole("link", { name: "Its records" }).waitFor();
    expect(await page.page.getByRole("button", { name: "Split…" }).count()).toBe(0);
    await page.close();
  });

  it("two thousand shards are drawn, listed by pages and found", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "wide", ShardCount: 2000 }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/wide/shards");
    await page.sees("(2,000 open)");
    expect(await page.page.locator(".strip button.part").count()).toBe(2000);
    await page.fill("Find shards by id", "1999");
    await page.sees("shardId-000000001999");
    await page.close();
  });
});
