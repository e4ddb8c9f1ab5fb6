import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CreateStreamCommand, DescribeStreamSummaryCommand, ListTagsForStreamCommand } from "@aws-sdk/client-kinesis";

import { ConsolePage, missing, openBrowser } from "./browser";
import { TestServer } from "./server";

describe.skipIf(missing())("streams", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it("an empty server makes a first stream with records, and shows them", async () => {
    const page = await ConsolePage.open(browser, server.url);
    await page.sees("There is no stream in us-east-1 yet.");
    await page.sees("aws --endpoint-url");
    await page.press("Make a stream with 50 records");
    await page.sees("50 records read");
    await page.sees('"tickerSymbol":"ACME"');
    await page.close();
  });

  it("its first load is at most 800 KB, and comes once", async () => {
    const page = await ConsolePage.open(browser, server.url);
    await page.sees("Busiest streams");
    const files = () => page.page.evaluate(() => (performance.getEntries() as PerformanceResourceTiming[]).filter((one) => one.entryType === "navigation" || /\.(js|css|svg)$/.test(one.name)).map((one) => ({ sent: one.transferSize, size: one.encodedBodySize })));
    const first = await files();
    expect(first.length).toBeGreaterThan(3);
    expect(first.reduce((sum, file) => sum + file.size, 0)).toBeLessThan(800_000);
    await page.page.reload();
    await page.sees("Busiest streams");
    // What is named by its digest is not asked for again.
    expect((await files()).filter((file) => file.sent > 20_000)).toEqual([]);
    await page.close();
  });

  it("a stream is created as the form says", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/create-stream");
    await page.press("Create");
    await page.sees("1 to 128 letters");
    await page.fill("Name", "orders");
    await page.page.getByText("Estimate the shards from the traffic").click();
    await page.fill("Records a second, at most", "2500");
    await page.press("Use 3");
    await page.page.getByText("Record size, retention, tags").click();
    await page.fill("Largest record, in KiB", "2048");
    await page.fill("Records are kept for, in hours", "48");
    await page.press("Add a tag");
    await page.fill("Key of tag 1", "team");
    await page.fill("Value of tag 1", "billing");
    await page.press("Create");
    await page.sees("orders is there.");
    const kinesis = server.kinesis();
    const { StreamDescriptionSummary: summary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: "orders" }));
    expect(summary).toMatchObject({ OpenShardCount: 3, RetentionPeriodHours: 48, MaxRecordSizeInKiB: 2048 });
    const { Tags } = await kinesis.send(new ListTagsForStreamCommand({ StreamName: "orders" }));
    expect(Tags).toEqual([{ Key: "team", Value: "billing" }]);
    await page.close();
  });

  it("several are found, chosen and deleted together, once a word is typed", async () => {
    const kinesis = server.kinesis();
    for (const name of ["old-1", "old-2", "kept"]) await kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams");
    await page.sees("kept");
    await page.fill("Find streams by name", "old-");
    await page.sees("2 matches");
    await page.page.getByRole("checkbox", { name: "Choose all streams of this page" }).click();
    await page.press("Delete");
    const dialog = page.page.getByRole("dialog");
    await dialog.getByText("Delete 2 streams?").waitFor();
    expect(await dialog.getByRole("button", { name: "Delete", exact: true }).isDisabled()).toBe(true);
    await page.fill(/To confirm/, "delete");
    await page.pressInDialog("Delete");
    await page.sees("2 streams are deleted.");
    await page.fill("Find streams by name", "");
    await page.sees("kept");
    expect(await page.page.getByText("old-1").count()).toBe(0);
    await page.close();
  });

  it("the keyboard alone creates a stream and deletes it", async () => {
    // The page looks at its stream every few seconds, perhaps just when that is gone and the list not there yet.
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/create-stream", {}, [/400/]);
    const { keyboard } = page.page;
    await page.page.getByLabel("Name", { exact: true }).waitFor();
    // The name has the focus from the beginning.
    await keyboard.type("by-keyboard");
    await keyboard.press("Enter");
    await page.sees("by-keyboard is there.");
    const tabTo = async (name: string) => {
      for (let step = 0; step < 60; step += 1) {
        await keyboard.press("Tab");
        if ((await page.page.evaluate(() => document.activeElement?.textContent?.trim() ?? "")) === name) return;
      }
      throw new Error(`the Tab key does not come to ${name}`);
    };
    await tabTo("Delete");
    await keyboard.press("Enter");
    await page.page.getByRole("dialog").getByText("Delete the stream by-keyboard?").waitFor();
    await page.page.getByLabel(/To confirm/).waitFor();
    for (let step = 0; step < 5 && (await page.page.evaluate(() => document.activeElement?.tagName)) !== "INPUT"; step += 1) await keyboard.press("Tab");
    await keyboard.type("by-keyboard");
    await keyboard.press("Enter");
    await page.sees("by-keyboard is deleted.");
    await page.close();
  });

  it("times are in the reader's zone or in UTC, the page is light or dark, as is chosen, and stays so", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "dated", ShardCount: 1 }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams", { timezoneId: "Asia/Tokyo", colorScheme: "light" });
    const created = page.page.getByRole("row").filter({ hasText: "dated" }).locator("time");
    const utc = (await created.getAttribute("datetime"))!.slice(0, 19).replace("T", " ");
    const inTokyo = new Date(Date.parse(`${utc}Z`.replace(" ", "T")) + 9 * 3_600_000).toISOString().slice(0, 19).replace("T", " ");
    expect(await created.textContent()).toBe(inTokyo);
    // Exact, and in both zones, for who points at it.
    expect(await created.getAttribute("title")).toContain(`${utc}.`);
    const choose = async (name: string) => {
      await page.press("How things are shown");
      await page.page.getByRole("menuitemcheckbox", { name }).click();
    };
    await choose("UTC");
    expect(await created.textContent()).toBe(`${utc} UTC`);
    await choose("Dark");
    const isDark = () => page.page.evaluate(() => document.body.classList.contains("awsui-dark-mode"));
    expect(await isDark()).toBe(true);
    await page.page.reload();
    await page.sees("dated");
    expect(await created.textContent()).toBe(`${utc} UTC`);
    expect(await isDark()).toBe(true);
    await page.close();
  });

  it("a stream that is not there says so, and where to go", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/nowhere/records", {}, [/400/]);
    await page.sees("There is no stream nowhere");
    await page.page.getByRole("link", { name: "All streams" }).click();
    await page.sees("orders");
    await page.close();
  });
});
