//! Every page, light and dark, wide and narrow: pictures to look at, and what axe and the browser have to say.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { CreateTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateStreamCommand, EnableEnhancedMonitoringCommand, PutRecordsCommand, RegisterStreamConsumerCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, SplitShardCommand, UpdateAccountSettingsCommand, UpdateStreamWarmThroughputCommand } from "@aws-sdk/client-kinesis";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { axeFindings, ConsolePage, missing, openBrowser } from "./browser";
import { SECRET, type ServerWithKeys, serverWithKeys } from "./keys";
import { TestServer } from "./server";

const FOLDER = join(import.meta.dirname, "..", "screenshots");
/** Name, address, what is seen once the page is there, and what is done before the picture. */
const PAGES: [name: string, hash: string, seen: string | RegExp, act?: (page: ConsolePage) => Promise<void>][] = [
  ["start", "#/", "Busiest streams"],
  ["start-empty", "#/eu-north-1", "There is no stream in eu-north-1 yet."],
  ["streams", "#/us-east-1/streams", "orders"],
  ["streams-empty", "#/eu-north-1/streams", "There is none in eu-north-1."],
  ["create-stream", "#/us-east-1/create-stream", "Name and capacity"],
  ["records", "#/us-east-1/streams/orders/records?from=oldest", "Live, 3 shards"],
  [
    "record",
    "#/us-east-1/streams/orders/records?from=oldest",
    "Live, 3 shards",
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
  [
    "merge",
    "#/us-east-1/streams/orders/shards",
    "Lineage",
    async (page) => {
      await page.page.getByRole("button", { name: /: shardId-000000000002/ }).click();
      await page.press("Merge with its right neighbour…");
    },
  ],
  ["shard-count", "#/us-east-1/streams/orders/shards", "Lineage", (page) => page.press("Change the count…")],
  ["on-demand", "#/us-east-1/streams/orders-by-minute/shards", "The warm throughput wants 6 shards."],
  ["monitoring", "#/us-east-1/streams/orders/monitoring", "Time of a call, on average"],
  ["consumers", "#/us-east-1/streams/orders/access", "fast-reader"],
  ["policy", "#/us-east-1/streams/orders/access", "fast-reader", (page) => page.press("Write who may do what with this stream")],
  ["settings", "#/us-east-1/streams/orders/settings", "Largest record"],
  ["retention", "#/us-east-1/streams/orders/settings", "Largest record", (page) => page.press("Change retention")],
  ["applications", "#/us-east-1/applications", "order-counter"],
  ["application", "#/us-east-1/applications/order-counter", "worker-a"],
  ["move-checkpoints", "#/us-east-1/applications/order-counter", "worker-a", (page) => page.press("Move checkpoints…").then(() => page.press("Preview")).then(() => page.sees(/^Together/))],
  ["tables", "#/us-east-1/tables", "order-counter"],
  ["create-table", "#/us-east-1/tables", "order-counter", (page) => page.press("Create a table")],
  ["table", "#/us-east-1/tables/order-counter", "Put an item"],
  ["indexes", "#/us-east-1/tables/people/indexes", "by-city"],
  ["time-to-live", "#/us-east-1/tables/people/settings", "Items end"],
  ["item", "#/us-east-1/tables/order-counter", "Put an item", (page) => page.press("Put an item…")],
  ["server", "#/us-east-1/server", "One fsync", (page) => page.sees("handed out")],
  ["finish-up", "#/us-east-1/streams/orders/shards", "Lineage", (page) => page.press("Finish up…").then(() => page.sees("table order-counter"))],
  [
    "delete-streams",
    "#/us-east-1/streams",
    "orders",
    async (page) => {
      await page.page.getByRole("checkbox", { name: "Choose all streams of this page" }).click();
      await page.press("Delete");
      await page.sees("Delete 2 streams?");
    },
  ],
  ["gone", "#/us-east-1/streams/nowhere/records", "There is no stream nowhere"],
  [
    "away",
    "#/us-east-1/streams/orders/records?from=oldest",
    "Live, 3 shards",
    async ({ page }) => {
      await page.context().setOffline(true);
      await page.getByText("What you see is what it said last").waitFor();
    },
  ],
];
/** The same with a key that may read streams and nothing else. */
const PAGES_OF_A_READER: typeof PAGES = [
  ["streams-read-only", "#/us-east-1/streams", "orders"],
  ["records-read-only", "#/us-east-1/streams/orders/records?from=oldest", "Live, 2 shards"],
  ["denied", "#/us-east-1/tables", "dynamodb:ListTables"],
];
/** What the browser says of calls that are refused, and of a server that is away. */
const EXPECTED = [/400|403/, /ERR_INTERNET_DISCONNECTED/];
/** How long nothing may change in a page that is there. */
const SETTLED_MS = 150;
const SETTLED_LOOKS_MAX = 8;
const LOOKS = [
  ["light", 1280],
  ["dark", 1280],
  ["light", 390],
  ["dark", 390],
] as const;

describe.skipIf(missing())("every page", () => {
  let [browser, server, withKeys]: [Browser, TestServer, ServerWithKeys] = [] as never;
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    [browser, server, withKeys] = await Promise.all([openBrowser(), TestServer.start("--durability", "os"), serverWithKeys()]);
    await fill(server);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await withKeys?.close();
  });

  it.each(LOOKS)("%s at %d pixels", async (colorScheme, width) => {
    const viewport = { width, height: width < 700 ? 844 : 900 };
    const look = `${colorScheme}-${width}`;
    const wrong: string[] = [];
    const page = await ConsolePage.open(browser, server.url, "", { colorScheme, viewport }, EXPECTED);
    for (const one of PAGES) wrong.push(...(await take(page, one, look)));
    await page.page.context().setOffline(false);
    const reader = await ConsolePage.open(browser, withKeys.server.url, "#/us-east-1/streams", { colorScheme, viewport }, EXPECTED);
    await reader.page.getByRole("heading", { name: "Sign in" }).waitFor();
    wrong.push(...(await picture(reader, "sign-in", look)));
    await reader.fill("Access key", "READER");
    await reader.fill("Secret", SECRET);
    await reader.page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await reader.sees("orders");
    for (const one of PAGES_OF_A_READER) wrong.push(...(await take(reader, one, look)));
    expect(wrong).toEqual([]);
    await page.close();
    await reader.close();
  });
});

/** Goes to a page and takes its picture; what is wrong with it. */
async function take(page: ConsolePage, [name, hash, seen, act]: (typeof PAGES)[number], look: string): Promise<string[]> {
  // By way of a page that is nowhere where the page is the same: nothing of it is left, and the key is.
  if (page.page.url().includes(hash.split("?")[0]!)) await page.go("#/us-east-1/elsewhere").then(() => page.sees("There is no such page"));
  await page.go(hash);
  await page.sees(seen);
  await act?.(page);
  return picture(page, name, look);
}

async function picture({ page }: ConsolePage, name: string, look: string): Promise<string[]> {
  // What is still being loaded is not yet the page.
  await page.getByText(/^(Loading|Looking)/).first().waitFor({ state: "detached" });
  await settled(page);
  await page.screenshot({ path: join(FOLDER, `${name}-${look}.png`) });
  const wrong = (await axeFindings(page)).map((finding) => `${name}: ${finding}`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return overflow > 0 ? [...wrong, `${name}: ${overflow} pixels wider than the screen`] : wrong;
}

/** Waits until a page looks as it did a moment ago; one that never does, as a chart that goes on, is taken as it is. */
async function settled(page: Page): Promise<void> {
  let before = "";
  for (let look = 0; look < SETTLED_LOOKS_MAX; look += 1) {
    const now = await page.evaluate(() => document.body.innerHTML);
    if (now === before) return;
    before = now;
    await page.waitForTimeout(SETTLED_MS);
  }
}

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
  // An account that commits itself to a throughput may say how much an on-demand stream is to be ready for.
  const summary = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: "orders-by-minute" }));
  await kinesis.send(new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status: "ENABLED" } }));
  await kinesis.send(new UpdateStreamWarmThroughputCommand({ StreamARN: summary.StreamDescriptionSummary?.StreamARN, WarmThroughputMiBps: 6 }));
  await dynamodb.send(
    new CreateTableCommand({
      TableName: "people",
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }, { AttributeName: "city", AttributeType: "S" }],
      GlobalSecondaryIndexes: [{ IndexName: "by-city", KeySchema: [{ AttributeName: "city", KeyType: "HASH" }], Projection: { ProjectionType: "ALL" } }],
    }),
  );
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
