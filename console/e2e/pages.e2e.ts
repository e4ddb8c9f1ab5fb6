//! Every page, light and dark, wide and narrow: pictures to look at, and what axe and the browser have to say.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { CreateTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateStreamCommand, EnableEnhancedMonitoringCommand, PutRecordsCommand, RegisterStreamConsumerCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, SplitShardCommand } from "@aws-sdk/client-kinesis";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { axeFindings, ConsolePage, missing, openBrowser } from "./browser";
import { TestServer } from "./server";

const FOLDER = join(import.meta.dirname, "..", "screenshots");
/** Name, address, what is seen once the page is there, and what is done before the picture. */
const PAGES: [name: string, hash: string, seen: string | RegExp, act?: (page: ConsolePage) => Promise<void>][] = [
  ["start", "#/", "Busiest streams"],
  ["start-empty", "#/eu-north-1", "There is no stream in eu-north-1 yet."],
  ["streams", "#/us-east-1/streams", "orders"],
  ["streams-empty", "#/eu-north-1/streams", "There is none in eu-north-1."],
  ["create-stream", "#/us-east-1/create-stream", "Name and capacity"],
  ["records", "#/us-east-1/streams/orders/records?from=oldest", "records read"],
  [
    "record",
    "#/us-east-1/streams/orders/records?from=oldest",
    "records read",
    async ({ page }) => {
      await page.locator(".record-space [role=row]").nth(4).click();
      await page.getByLabel("Data of the record").waitFor();
    },
  ],
  ["records-waiting", "#/us-east-1/streams/orders/records", "Waiting for new records"],
  ["put-record", "#/us-east-1/streams/orders/records", "Put a record", (page) => page.press("Put a record")],
  ["shards", "#/us-east-1/streams/orders/shards", "Lineage", (page) => page.press("Measure the last minute").then(() => page.sees("Bars: bytes"))],
  [
    "split",
    "#/us-east-1/streams/orders/shards",
    "Lineage",
    async (page) => {
      await page.page.getByRole("button", { name: /: shardId-000000000001/ }).click();
      await page.press("Split…");
    },
  ],
  ["monitoring", "#/us-east-1/streams/orders/monitoring", "Time of a call, on average"],
  ["consumers", "#/us-east-1/streams/orders/access", "fast-reader"],
  ["settings", "#/us-east-1/streams/orders/settings", "Largest record"],
  ["applications", "#/us-east-1/applications", "order-counter"],
  ["application", "#/us-east-1/applications/order-counter", "worker-a"],
  ["tables", "#/us-east-1/tables", "order-counter"],
  ["create-table", "#/us-east-1/tables", "order-counter", (page) => page.press("Create a table")],
  ["table", "#/us-east-1/tables/order-counter", "Put an item"],
  ["item", "#/us-east-1/tables/order-counter", "Put an item", (page) => page.press("Put an item…")],
  ["server", "#/us-east-1/server", "One fsync", (page) => page.sees("commits")],
  ["finish-up", "#/us-east-1/streams/orders/shards", "Lineage", (page) => page.press("Finish up…").then(() => page.sees("table order-counter"))],
];
const LOOKS = [
  ["light", 1280],
  ["dark", 1280],
  ["light", 390],
  ["dark", 390],
] as const;

describe.skipIf(missing())("every page", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
    await fill(server);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it.each(LOOKS)("%s at %d pixels", async (colorScheme, width) => {
    const height = width < 700 ? 844 : 900;
    const page = await ConsolePage.open(browser, server.url, "", { colorScheme, viewport: { width, height } });
    const wrong: string[] = [];
    for (const [name, hash, seen, act] of PAGES) {
      // From elsewhere where the address is the same, so that nothing of the page before is left.
      if (page.page.url().endsWith(hash)) await page.page.goto("about:blank");
      await page.go(hash);
      await page.sees(seen);
      await act?.(page);
      // What is still being loaded is not yet the page.
      await page.page.getByText(/^(Loading|Looking)/).first().waitFor({ state: "detached" });
      await page.page.waitForLoadState("networkidle", { timeout: 800 }).catch(() => undefined);
      await page.page.screenshot({ path: join(FOLDER, `${name}-${colorScheme}-${width}.png`) });
      for (const finding of await axeFindings(page.page)) wrong.push(`${name}: ${finding}`);
      const overflow = await page.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) wrong.push(`${name}: ${overflow} pixels wider than the screen`);
    }
    expect(wrong).toEqual([]);
    await page.close();
  });
});

async function fill(server: TestServer): Promise<void> {
  const [kinesis, dynamodb] = [server.kinesis(), server.dynamodb()];
  await kinesis.send(new CreateStreamCommand({ StreamName: "orders", ShardCount: 2, Tags: { team: "trading" } }));
  await kinesis.send(new CreateStreamCommand({ StreamName: "orders-by-minute", StreamModeDetails: { StreamMode: "ON_DEMAND" } }));
  const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: "orders" }));
  await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN: StreamDescriptionSummary?.StreamARN, ConsumerName: "fast-reader" }));
  await kinesis.send(new EnableEnhancedMonitoringCommand({ StreamName: "orders", ShardLevelMetrics: ["ALL"] }));
  const put = (from: number) =>
    kinesis.send(
      new PutRecordsCommand({
        StreamName: "orders",
        Records: Array.from({ length: 60 }, (_, at) => {
          const order = JSON.stringify({ order: from + at, customer: `customer-${(from + at * 7) % 23}`, total: ((from + at * 37) % 900) / 10, items: [{ sku: "A-7", count: 1 + (at % 4) }] });
          return { PartitionKey: `customer-${(from + at * 7) % 23}`, Data: at % 10 === 9 ? gzipSync(order) : new TextEncoder().encode(order) };
        }),
      }),
    );
  await put(1000);
  await kinesis.send(new SplitShardCommand({ StreamName: "orders", ShardToSplit: "shardId-000000000000", NewStartingHashKey: String(2n ** 126n) }));
  await put(1060);
  await dynamodb.send(
    new CreateTableCommand({ TableName: "order-counter", BillingMode: "PAY_PER_REQUEST", KeySchema: [{ AttributeName: "leaseKey", KeyType: "HASH" }], AttributeDefinitions: [{ AttributeName: "leaseKey", AttributeType: "S" }] }),
  );
  const lease = (shard: number, more: Record<string, { S: string } | { SS: string[] }>) =>
    dynamodb.send(
      new PutItemCommand({
        TableName: "order-counter",
        Item: { leaseKey: { S: `shardId-00000000000${shard}` }, leaseCounter: { N: "41" }, checkpointSubSequenceNumber: { N: "0" }, ownerSwitchesSinceCheckpoint: { N: "0" }, checkpoint: { S: "TRIM_HORIZON" }, ...more },
      }),
    );
  await lease(0, { checkpoint: { S: "SHARD_END" }, childShardIds: { SS: ["shardId-000000000002", "shardId-000000000003"] } });
  const numberIn = async (ShardId: string, at: number) => {
    const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({ StreamName: "orders", ShardId, ShardIteratorType: "TRIM_HORIZON" }));
    return (await kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: at }))).Records!.at(-1)!.SequenceNumber!;
  };
  await lease(1, { leaseOwner: { S: "worker-a" }, checkpoint: { S: await numberIn("shardId-000000000001", 40) } });
  await lease(2, { leaseOwner: { S: "worker-b" }, checkpoint: { S: await numberIn("shardId-000000000002", 99) }, parentShardId: { SS: ["shardId-000000000000"] } });
  await lease(3, { parentShardId: { SS: ["shardId-000000000000"] } });
}
