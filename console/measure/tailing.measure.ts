//! Following a stream: at 10,000 records a second, over 2,000 shards, and for an hour.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { CreateStreamCommand } from "@aws-sdk/client-kinesis";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ConsolePage, missing, openBrowser } from "../e2e/browser";
import { end, TestServer } from "../e2e/server";
import { found } from "./findings";
import { type Alive, mib, PlainTab, tasksText, tasksWhile } from "./tab";

const WATCHED_MS = 30_000;
/** How long it tails: an hour in `make soak`. */
const TAIL_MINUTES = Number(process.env.MILLSTREAM_SOAK_MINUTES ?? "2");
const TAIL_RECORDS_PER_S = 1000;
/** A page has its parts, its first records and what the browser keeps ready by then. */
const SETTLED_MINUTES = Math.min(5, TAIL_MINUTES / 2);
/** Alive in a tab that follows, with 2,000 records of 120 bytes in its list: the bounds that `docs/console.md` states. */
const ALIVE_BYTES_MAX = 32 * 1024 * 1024;
/** How much more may be alive after an hour than once it had settled. */
const ALIVE_GROWTH_BYTES_MAX = 4 * 1024 * 1024;
/** What the system may count for it, garbage included. */
const PRIVATE_BYTES_MAX = 400 * 1024 * 1024;

describe.skipIf(missing())("tailing", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  const writers: ChildProcess[] = [];
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
  });
  afterAll(async () => {
    for (const writer of writers) await end(writer, "SIGKILL");
    await browser?.close();
    await server?.close();
  });
  const write = (stream: string, recordsPerS: number) => {
    const writer = spawn(process.execPath, [join(import.meta.dirname, "writer.mjs"), server.url, stream, String(recordsPerS)], { stdio: ["ignore", "ignore", "inherit"] });
    writers.push(writer);
    return writer;
  };
  const recordsRead = async ({ page }: ConsolePage) => recordsIn((await page.locator(".records-state").textContent()) ?? "");

  it("10,000 records a second", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "busy", ShardCount: 10 }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/busy/records");
    await page.sees("Live, 10 shards");
    const writer = write("busy", 10_000);
    await page.sees(/the oldest [\d,]+ made room/);
    const before = await recordsRead(page);
    const began = performance.now();
    const tasks = await tasksWhile(browser, page.page, () => sleep(WATCHED_MS));
    const perS = ((await recordsRead(page)) - before) / ((performance.now() - began) / 1000);
    const state = await page.page.locator(".records-state").textContent();
    await end(writer, "SIGKILL");
    found("tail of a stream of 10 shards at 10,000 records/s", `${perS.toFixed(0)} records/s shown (${state}); ${tasksText(tasks)}`, "no task above 200 ms", tasks.above200Ms.wall === 0);
    expect(tasks.above200Ms.cpu).toBe(0);
    await page.close();
  });

  it("2,000 shards", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "wide", ShardCount: 2000 }));
    const began = performance.now();
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/wide/records");
    await page.sees("Live, 2,000 shards");
    const liveMs = performance.now() - began;
    const writer = write("wide", 1000);
    await page.page.getByRole("grid", { name: "Records" }).waitFor();
    const tasks = await tasksWhile(browser, page.page, () => sleep(WATCHED_MS));
    const state = await page.page.locator(".records-state").textContent();
    await end(writer, "SIGKILL");
    found("tail of a stream of 2,000 shards at 1,000 records/s", `live after ${(liveMs / 1000).toFixed(1)} s (${state}); ${tasksText(tasks)}`, "no task above 200 ms", tasks.above200Ms.wall === 0);
    expect(tasks.above200Ms.cpu).toBe(0);
    await page.close();
  });

  it(`${TAIL_MINUTES} minutes`, async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "steady", ShardCount: 4 }));
    // A browser of its own: what it holds is the tab's.
    const own = await openBrowser();
    const tab = await PlainTab.open(own, `${server.url}/#/us-east-1/streams/steady/records`);
    while (!(await tab.text(".records-state")).includes("Live, 4 shards")) await sleep(100);
    const writer = write("steady", TAIL_RECORDS_PER_S);
    const began = performance.now();
    let settled: Alive | undefined;
    let privateMax = 0;
    const look = async (minute: number) => {
      const [privateBytes, alive] = [await tab.privateBytes(), await tab.alive()];
      privateMax = Math.max(privateMax, privateBytes);
      console.log(`minute ${minute}: ${mib(privateBytes)} private; alive ${mib(alive.heapBytes)} of heap, ${mib(alive.bufferBytes)} of buffers, ${alive.nodes} nodes, ${alive.listeners} listeners; ${await tab.text(".records-state")}`);
      return alive;
    };
    for (let minute = 1; minute <= TAIL_MINUTES; minute += 1) {
      await sleep(began + minute * 60_000 - performance.now());
      if (minute >= SETTLED_MINUTES && !settled) settled = await look(minute);
      // Rarely: a look collects the garbage, which the browser else does when it wants to.
      else if (minute % 10 === 0 && minute < TAIL_MINUTES) await look(minute);
      else privateMax = Math.max(privateMax, await tab.privateBytes());
    }
    const last = await look(TAIL_MINUTES);
    const records = recordsIn(await tab.text(".records-state"));
    await end(writer, "SIGKILL");
    const aliveBytes = last.heapBytes + last.bufferBytes;
    const growth = aliveBytes - (settled!.heapBytes + settled!.bufferBytes);
    found(
      `tail of ${TAIL_MINUTES} minutes at ${TAIL_RECORDS_PER_S} records/s`,
      `${records} records; alive ${mib(aliveBytes)}, ${mib(growth)} more than after ${SETTLED_MINUTES} minutes; ${last.nodes} nodes, ${last.nodes - settled!.nodes} more; at most ${mib(privateMax)} private`,
      `alive ${mib(ALIVE_BYTES_MAX)}, growth ${mib(ALIVE_GROWTH_BYTES_MAX)}, private ${mib(PRIVATE_BYTES_MAX)}`,
      aliveBytes <= ALIVE_BYTES_MAX && growth <= ALIVE_GROWTH_BYTES_MAX && privateMax <= PRIVATE_BYTES_MAX,
    );
    expect(records).toBeGreaterThan(TAIL_MINUTES * 60 * TAIL_RECORDS_PER_S * 0.5);
    expect(aliveBytes).toBeLessThanOrEqual(ALIVE_BYTES_MAX);
    expect(growth).toBeLessThanOrEqual(ALIVE_GROWTH_BYTES_MAX);
    expect(privateMax).toBeLessThanOrEqual(PRIVATE_BYTES_MAX);
    await own.close();
  });
});

/** How many records were read, as the page says. */
function recordsIn(state: string): number {
  return Number(state.replaceAll(",", "").match(/(\d+) records? read/)?.[1] ?? 0);
}
