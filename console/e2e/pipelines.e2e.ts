import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";

import { CreateStreamCommand, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { axeFindings, ConsolePage, missing, openBrowser } from "./browser";
import { BINARY, end, TestServer } from "./server";

/** A pipeline with windows over all shards: two applications, one table of states. */
describe.skipIf(missing())("a pipeline", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  let worker: ChildProcess;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
    const kinesis = server.kinesis();
    for (const StreamName of ["orders", "orders-rejected"]) await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
    const texts = [...Array.from({ length: 40 }, (_, at) => JSON.stringify({ kind: `kind-${at % 4}`, total: at })), "no JSON"];
    const Records = texts.map((text, at) => ({ PartitionKey: `customer-${at}`, Data: new TextEncoder().encode(text) }));
    await kinesis.send(new PutRecordsCommand({ StreamName: "orders", Records }));
    const file = server.path("totals.toml");
    writeFileSync(
      file,
      `name = "totals"\n[source]\nstream = "orders"\nstart = "trim-horizon"\n[[step]]\nfilter = ".total >= 10"\n[window]\nevery = "1s"\nby = ".kind"\nvalues = { sum = "sum .total" }\n` +
        `[[sink]]\nfiles = { folder = "${server.path("out")}", flush = { time = "300ms" } }\n[dead_letter]\nstream = "orders-rejected"\n`,
    );
    worker = spawn(BINARY, ["pipeline", "run", file, "--endpoint-url", server.url, "--failover", "2s", "--worker-id", "mill-1"], {
      stdio: "ignore",
      env: { ...process.env, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-east-1" },
    });
  });
  afterAll(async () => {
    if (worker) await end(worker, "SIGKILL");
    await browser?.close();
    await server?.close();
  });
  const cells = (page: ConsolePage, table: string, row: string | RegExp) => page.page.getByRole("grid", { name: table }).getByRole("row").filter({ hasText: row }).getByRole("gridcell");

  it("is told among the applications, with what its shards read, passed on and rejected, and its sinks", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/applications");
    await page.sees("its windows");
    await page.page.getByRole("link", { name: "totals", exact: true }).click();
    await page.sees("Stage: the steps.");
    const grid = page.page.getByRole("grid", { name: "Pipeline, by shard" });
    const read = async (column: number) => {
      const rows = await grid.getByRole("row").filter({ hasText: "shardId-" }).all();
      const numbers = await Promise.all(rows.map(async (row) => Number(await row.getByRole("gridcell").nth(column).innerText())));
      return numbers.reduce((sum, one) => sum + one, 0);
    };
    await expect.poll(() => read(1), { timeout: 90_000 }).toBe(41);
    expect([await read(3), await read(4)]).toEqual([30, 1]);
    await expect.poll(() => cells(page, "Sinks", "files").first().innerText(), { timeout: 90_000 }).toMatch(/^[1-9]\d*$/);
    expect(await axeFindings(page.page)).toEqual([]);
    await page.go("#/us-east-1/applications/totals-windows");
    await page.sees("Stage: windows across all shards.");
    await page.close();
  });
});
