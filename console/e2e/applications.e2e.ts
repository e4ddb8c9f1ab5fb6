import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";

import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { CreateStreamCommand, ListStreamsCommand } from "@aws-sdk/client-kinesis";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ConsolePage, missing, openBrowser } from "./browser";
import { end, STOCK_TRADES, TestServer } from "./server";

const APPLICATION = "StockTradesProcessor";
const STREAM = "StockTradeStream";

/** The application of the tutorial: a writer, and workers that can be killed one by one. */
describe.skipIf(missing() ?? (existsSync(STOCK_TRADES) ? undefined : "stock-trades is not built"))("applications", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  const processes: ChildProcess[] = [];
  const start = (...args: string[]) => {
    const child = spawn(STOCK_TRADES, [...args, "--endpoint-url", server.url], {
      stdio: "ignore",
      env: { ...process.env, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-east-1" },
    });
    processes.push(child);
    return child;
  };
  const until = async (what: string, holds: () => Promise<boolean>) => {
    const deadline = performance.now() + 90_000;
    while (!(await holds().catch(() => false))) {
      if (performance.now() > deadline) throw new Error(`${what} took more than 90 s`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const rows = async () => (await server.dynamodb().send(new ScanCommand({ TableName: APPLICATION, ConsistentRead: true }))).Items ?? [];
  const owners = async () => [...new Set((await rows()).flatMap((row) => row.leaseOwner?.S ?? []))];
  let [first, second]: ChildProcess[] = [];

  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
    await server.kinesis().send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: 4 }));
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "StockStatsStream", ShardCount: 1 }));
    start("write");
    first = start("process", "--interval", "2s");
    second = start("process", "--interval", "2s");
    await until("two workers", async () => (await owners()).length === 2 && (await rows()).every((row) => row.leaseOwner));
    await until("checkpoints", async () => (await rows()).every((row) => /^\d+$/.test(row.checkpoint?.S ?? "")));
  });
  afterAll(async () => {
    for (const child of processes) await end(child, "SIGKILL");
    await browser?.close();
    await server?.close();
  });

  it("are found with their stream, and how far they are behind", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/applications");
    const line = page.page.getByRole("row").filter({ hasText: APPLICATION });
    await line.getByText(STREAM).waitFor();
    await line.getByText("2 workers").waitFor();
    await line.getByText("Working").waitFor();
    await line.getByText(/At the tip|\d+ records?/).waitFor();
    await page.close();
  });

  it("a worker that dies loses its shards to the other one, and the page sees it", async () => {
    const page = await ConsolePage.open(browser, server.url, `#/us-east-1/applications/${APPLICATION}`);
    for (const owner of await owners()) await page.sees(owner);
    await page.sees("just now");
    const before = await owners();
    await end(first!, "SIGKILL");
    await page.sees(/shardId-\d+ from (nobody|\S+) to \S+/, 120_000);
    await until("one worker", async () => (await owners()).length === 1);
    const [left] = await owners();
    expect(before).toContain(left);
    await page.close();
  });

  it("checkpoints are not moved while a worker renews", async () => {
    const page = await ConsolePage.open(browser, server.url, `#/us-east-1/applications/${APPLICATION}`);
    await page.press("Move checkpoints…");
    await page.sees("A worker still renews");
    await page.press("Preview");
    await page.sees("What it does");
    await page.sees(/are read again/);
    expect(await page.page.getByRole("dialog").getByRole("button", { name: "Move", exact: true }).isDisabled()).toBe(true);
    await page.close();
  });

  it("of a stopped application are moved to the oldest record, with a preview", async () => {
    await end(second!);
    const page = await ConsolePage.open(browser, server.url, `#/us-east-1/applications/${APPLICATION}`);
    await page.press("Move checkpoints…");
    await page.sees("the application has stopped", 60_000);
    await page.press("Preview");
    await page.sees(/Together [\d,]+ again, 0 never/);
    await page.pressInDialog("Move");
    await page.sees(/The checkpoints of \d+ shards are moved/);
    for (const row of await rows()) {
      expect(row.checkpoint?.S).toBe("TRIM_HORIZON");
      expect(row.leaseOwner).toBeUndefined();
    }
    await page.close();
  });

  it("and to a time: reading begins with the first record at or after it", async () => {
    const page = await ConsolePage.open(browser, server.url, `#/us-east-1/applications/${APPLICATION}`);
    await page.press("Move checkpoints…");
    await page.page.getByRole("radio", { name: /at or after a time/ }).check();
    await page.fill("Time", new Date().toISOString());
    await page.sees("the application has stopped", 60_000);
    await page.press("Preview");
    await page.sees(/Together 0 again, [\d,]+ never/);
    await page.pressInDialog("Move");
    await page.sees(/The checkpoints of \d+ shards are moved/);
    for (const row of await rows()) expect(row.checkpoint?.S).toMatch(/^\d{56}$/);
    await page.close();
  });

  it("and everything is finished up together; who still runs is named", async () => {
    const third = start("process", "--interval", "2s");
    await until("the third worker", async () => (await owners()).length === 1);
    const page = await ConsolePage.open(browser, server.url, `#/us-east-1/streams/${STREAM}/shards`, {}, [/400/]);
    await page.press("Finish up…");
    await page.sees(`table ${APPLICATION}`);
    await page.sees("Workers still renew their leases");
    await page.fill(/To confirm/, STREAM);
    await page.pressInDialog("Delete all this");
    await page.sees(`stream ${STREAM} is deleted`);
    await page.sees(`table ${APPLICATION} is deleted`);
    await page.sees("Still running");
    await page.pressInDialog("Close");
    await page.sees(`${STREAM} is finished.`);
    const { StreamNames } = await server.kinesis().send(new ListStreamsCommand({}));
    expect(StreamNames).not.toContain(STREAM);
    await end(third, "SIGKILL");
    await page.close();
  });
});
