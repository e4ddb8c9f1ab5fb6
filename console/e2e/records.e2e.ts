import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { CreateStreamCommand, DeleteStreamCommand, GetShardIteratorCommand, GetRecordsCommand, PutRecordCommand, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import { md5 } from "@noble/hashes/legacy.js";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ConsolePage, missing, openBrowser } from "./browser";
import { TestServer } from "./server";

const bytes = (text: string) => new TextEncoder().encode(text);

/** An aggregated record of two, as the KPL makes it. */
function aggregated(): Uint8Array {
  const field = (number: number, content: Uint8Array) => [number * 8 + 2, content.length, ...content];
  const record = (key: number, text: string) => field(3, Uint8Array.from([0x08, key, ...field(3, bytes(text))]));
  const body = Uint8Array.from([...field(1, bytes("first-key")), ...field(1, bytes("second-key")), ...record(0, '{"joined":1}'), ...record(1, '{"joined":2}')]);
  return Uint8Array.from([0xf3, 0x89, 0x9a, 0xc2, ...body, ...md5(body)]);
}

describe.skipIf(missing())("records", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
    const kinesis = server.kinesis();
    await kinesis.send(new CreateStreamCommand({ StreamName: "trades", ShardCount: 3 }));
    for (let at = 0; at < 1200; at += 400) {
      await kinesis.send(
        new PutRecordsCommand({
          StreamName: "trades",
          Records: Array.from({ length: 400 }, (_, index) => ({ PartitionKey: `key-${at + index}`, Data: bytes(JSON.stringify({ id: at + index, price: (at + index) % 200, side: (at + index) % 2 ? "BUY" : "SELL" })) })),
        }),
      );
    }
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  const put = (PartitionKey: string, Data: Uint8Array, StreamName = "trades") => server.kinesis().send(new PutRecordCommand({ StreamName, PartitionKey, Data }));

  it("from the oldest: a page at a time, in order of arrival over all shards", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/trades/records?from=oldest");
    await page.sees("1,200 records read");
    const grid = page.page.getByRole("grid", { name: "Records" });
    expect(await grid.getAttribute("aria-rowcount")).toBe("1201");
    const records = (await download(page, "As JSON lines")).trim().split("\n").map((line) => JSON.parse(line) as { ShardId: string; SequenceNumber: string; ApproximateArrivalTimestamp: string });
    const times = records.map((record) => record.ApproximateArrivalTimestamp);
    expect(times).toEqual([...times].sort());
    expect(new Set(records.map((record) => `${record.ShardId} ${record.SequenceNumber}`)).size).toBe(1200);
    expect(new Set(records.map((record) => record.ShardId)).size).toBe(3);
    await page.close();
  });

  async function download(page: ConsolePage, as: string): Promise<string> {
    const waiting = page.page.waitForEvent("download");
    await page.page.locator(".records-bar").getByRole("button", { name: "Download" }).click();
    await page.page.getByRole("menuitem", { name: as }).click();
    return readFileSync(await (await waiting).path(), "utf8");
  }

  it("from a time: what came before it is not read; and as comma-separated values", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "times", ShardCount: 1 }));
    await put("before", bytes("before"), "times");
    const { ShardIterator } = await server.kinesis().send(new GetShardIteratorCommand({ StreamName: "times", ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" }));
    const { Records } = await server.kinesis().send(new GetRecordsCommand({ ShardIterator }));
    const time = new Date(Records![0]!.ApproximateArrivalTimestamp!.getTime() + 1);
    while (new Date() <= time) await new Promise((resolve) => setTimeout(resolve, 1));
    await put("after", bytes('=1+1, "quoted"'), "times");
    const page = await ConsolePage.open(browser, server.url, `#/us-east-1/streams/times/records?from=time&time=${encodeURIComponent(time.toISOString())}`);
    await page.sees("1 record read");
    await page.sees("after");
    expect(await page.page.getByText("before", { exact: true }).count()).toBe(0);
    const [head, line] = (await download(page, "As CSV")).split("\r\n");
    expect(head).toBe("ShardId,SequenceNumber,SubSequenceNumber,ApproximateArrivalTimestamp,PartitionKey,Data,DataBase64");
    // A spreadsheet would compute what begins with an equals sign.
    expect(line).toMatch(/^shardId-\d{12},\d{56},,[^,]+Z,after,"'=1\+1, ""quoted""",$/);
    await page.close();
  });

  it("live: what is put is seen, whole and beside the list", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/trades/records");
    await page.sees("Waiting for new records");
    await page.sees("Live, 3 shards");
    await page.press("Put a record");
    await page.fill("Partition key", "customer-7");
    await page.page.getByRole("dialog").getByRole("textbox", { name: "Data" }).fill('{"n":12345678901234567890}');
    await page.sees(/26 B, to shardId-00000000000\d/);
    await page.pressInDialog("Put");
    await page.sees(/The record is on shardId-/);
    await page.page.locator(".record-space [role=row]").first().click();
    // Every digit, which a parser would have rounded.
    await page.page.getByLabel("Data of the record").getByText('"n": 12345678901234567890').waitFor();
    await page.press("Put again…");
    await page.page.getByRole("dialog").getByRole("textbox", { name: "Data" }).fill('{"n":13}');
    await page.pressInDialog("Put");
    await page.sees('{"n":13}');
    await page.press("Pause");
    await put("while-paused", bytes("unseen"));
    await page.sees("Paused");
    await page.press("Go on");
    await page.sees("while-paused");
    await page.close();
  });

  it("a field filter finds, says what is wrong, and is in the address", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/trades/records?from=oldest");
    await page.sees("1,2");
    await page.fill("Fields", "price > 198");
    await page.sees("a field begins with a dot: .price");
    await page.fill("Fields", '.price > 198 && .side == "BUY"');
    await page.press("Read");
    await page.sees(/, 6 shown/);
    expect(new URL(page.page.url()).hash).toContain("where=");
    const again = await ConsolePage.open(browser, server.url, new URL(page.page.url()).hash);
    await again.sees(/, 6 shown/);
    await again.close();
    await page.close();
  });

  it("a filter is kept, used and forgotten", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/trades/records?from=oldest&where=.id+%3D%3D+7");
    await page.sees(/, 1 shown/);
    await page.press("Filters");
    await page.page.getByRole("menuitem", { name: "Keep this filter" }).click();
    await page.go("#/us-east-1/streams/trades/records?from=oldest");
    await page.sees("records read");
    await page.press("Filters");
    await page.page.getByRole("menuitem", { name: ".id == 7" }).first().click();
    await page.sees(/, 1 shown/);
    await page.close();
  });

  it("a scan asks when its budget is used up, and goes on", async () => {
    const kinesis = server.kinesis();
    await kinesis.send(new CreateStreamCommand({ StreamName: "large", ShardCount: 1 }));
    for (let at = 0; at < 60; at += 1) {
      await kinesis.send(new PutRecordsCommand({ StreamName: "large", Records: Array.from({ length: 500 }, (_, index) => ({ PartitionKey: "k", Data: bytes(`{"id":${at * 500 + index}}`) })) }));
    }
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/large/records?from=oldest&where=.id+%3D%3D+29999&scan=10000");
    await page.sees("Paused: the scan's budget is used up");
    expect(await page.page.getByRole("grid").count()).toBe(0);
    for (let turn = 0; turn < 3 && (await page.page.getByText('{"id":29999}').count()) === 0; turn += 1) {
      const goOn = page.page.getByRole("button", { name: "Go on" });
      if (await goOn.isVisible()) await goOn.click();
      await Promise.race([page.page.getByText('{"id":29999}').first().waitFor(), page.page.getByRole("button", { name: "Go on" }).waitFor()]);
    }
    await page.sees('{"id":29999}');
    await page.close();
  });

  it("joined and compressed records are taken apart, and read as the reader wants", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "packed", ShardCount: 1 }));
    await put("a", aggregated(), "packed");
    await put("zip", gzipSync('{"packed":true}'), "packed");
    await put("raw", Uint8Array.of(0, 1, 2, 250), "packed");
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/packed/records?from=oldest");
    await page.sees('{"joined":2}');
    await page.sees("second-key");
    await page.sees("aggregated · JSON");
    await page.sees("gzip · JSON");
    await page.page.getByText("raw", { exact: true }).click();
    await page.page.getByLabel("Data of the record").getByText("00000000  00 01 02 fa").waitFor();
    await page.page.getByText("zip", { exact: true }).click();
    await page.page.getByRole("button", { name: "Hex", exact: true }).click();
    await page.page.getByLabel("Data of the record").getByText("1f 8b").waitFor();
    await page.close();
  });

  it("hostile contents are text: markup, controls, ten megabytes", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "hostile", ShardCount: 1, MaxRecordSizeInKiB: 10_240 }));
    const markup = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
    await put("<b>key</b>\u202e", bytes(markup), "hostile");
    await put("controls", bytes("a\u0000b\u001b[31m\u202ec"), "hostile");
    await put("proto", bytes('{"__proto__":{"polluted":1},"constructor":1}'), "hostile");
    await put("large", bytes(`{"x":"${"y".repeat(10 * 1024 * 1024 - 100)}"}`), "hostile");
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/hostile/records?from=oldest&where=.x+%7C%7C+key+!%3D+%22%22");
    await page.sees("4 records read");
    await page.sees("<b>key</b>\\u202e");
    const shown = page.page.getByLabel("Data of the record");
    for (const [key, text] of [
      ["<b>key</b>\\u202e", markup],
      ["controls", "00000000  61 00 62 1b"],
      ["proto", '"__proto__": {'],
      ["large", '{"x":"yyy'],
    ] as const) {
      await page.page.locator(".record-space").getByText(key, { exact: true }).click();
      await shown.filter({ hasText: text }).waitFor();
    }
    // Ten million letters are not laid out unless that is asked for.
    expect((await shown.textContent())!.length).toBeLessThanOrEqual(100_000);
    await page.sees(/10,\d{3},\d{3} more letters/);
    expect(await page.page.locator(".record-space img, .record-space b, .record-text img").count()).toBe(0);
    expect(await page.page.title()).not.toBe("owned");
    expect(await page.page.evaluate(() => ({}) as { polluted?: number })).toEqual({});
    await page.close();
  });

  it("a link to a record opens it; a file holds what is shown", async () => {
    const kinesis = server.kinesis();
    const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({ StreamName: "trades", ShardId: "shardId-000000000001", ShardIteratorType: "TRIM_HORIZON" }));
    const record = (await kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: 1 }))).Records![0]!;
    const id = encodeURIComponent(`shardId-000000000001/${record.SequenceNumber}`);
    const page = await ConsolePage.open(browser, server.url, `#/us-east-1/streams/trades/records?from=number&shard=shardId-000000000001&number=${record.SequenceNumber}&record=${id}`);
    await page.page.getByLabel("Data of the record").waitFor();
    await page.page.getByRole("heading", { name: "Record", exact: true }).waitFor();
    const lines = (await download(page, "As JSON lines")).trim().split("\n");
    expect(JSON.parse(lines[0]!)).toMatchObject({ ShardId: "shardId-000000000001", SequenceNumber: record.SequenceNumber, PartitionKey: record.PartitionKey });
    await page.close();
  });

  it("goes on over a restart of the server without a reload", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/trades/records", {}, [/ERR_/]);
    await page.sees("Live, 3 shards");
    await page.page.evaluate(() => Object.assign(globalThis, { notReloaded: true }));
    await server.stop();
    await page.sees("The server does not answer");
    await server.startAgain();
    await page.page.getByText("What you see is what it said last").waitFor({ state: "detached" });
    await put("after-restart", bytes("still here"));
    await page.sees("after-restart");
    expect(await page.page.evaluate(() => (globalThis as { notReloaded?: boolean }).notReloaded)).toBe(true);
    await page.close();
  });

  it("a stream that is deleted under the page says so", async () => {
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "short-lived", ShardCount: 1 }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/short-lived/records", {}, [/400/]);
    await page.sees("Live, 1 shard");
    await server.kinesis().send(new DeleteStreamCommand({ StreamName: "short-lived" }));
    await page.sees(/There is no stream short-lived/);
    await page.close();
  });
});
