import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { CreateStreamCommand, DescribeStreamSummaryCommand, GetResourcePolicyCommand, ListStreamConsumersCommand, ListTagsForStreamCommand } from "@aws-sdk/client-kinesis";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ConsolePage, missing, openBrowser } from "./browser";
import { TestServer } from "./server";

describe.skipIf(missing())("settings", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  let arn = "";
  const summary = async () => (await server.kinesis().send(new DescribeStreamSummaryCommand({ StreamName: "orders" }))).StreamDescriptionSummary!;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
    await server.kinesis().send(new CreateStreamCommand({ StreamName: "orders", ShardCount: 1 }));
    arn = (await summary()).StreamARN!;
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it("retention, record size, encryption, metrics of shards and the mode are changed", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/orders/settings");
    await page.press("Change retention");
    await page.fill("Hours", "72");
    await page.pressInDialog("Save");
    await page.sees("Retention is changed.");
    await page.press("Change largest record");
    await page.fill("KiB", "4096");
    await page.pressInDialog("Save");
    await page.sees("Largest record is changed.");
    await page.press("Change encryption");
    await page.page.getByRole("radio", { name: "With a key of KMS" }).check();
    await page.pressInDialog("Save");
    await page.sees("Encryption is changed.");
    await page.press("Change metrics of each shard");
    await page.page.getByRole("dialog").getByRole("button", { name: /Metrics/ }).click();
    await page.page.getByRole("option", { name: "All", exact: true }).click();
    await page.page.keyboard.press("Escape");
    await page.pressInDialog("Save");
    await page.sees("Metrics of each shard is changed.");
    expect(await summary()).toMatchObject({ RetentionPeriodHours: 72, MaxRecordSizeInKiB: 4096, EncryptionType: "KMS" });
    expect((await summary()).EnhancedMonitoring?.[0]?.ShardLevelMetrics).toContain("IncomingBytes");
    await page.press("Change mode");
    await page.page.getByRole("radio", { name: "On demand" }).check();
    await page.pressInDialog("Save");
    await page.sees("Mode is changed.");
    expect((await summary()).StreamModeDetails?.StreamMode).toBe("ON_DEMAND");
    await page.press("Change billing commitment of the account");
    await page.page.getByRole("radio", { name: "On", exact: true }).check();
    await page.pressInDialog("Save");
    await page.sees("Billing commitment of the account is changed.");
    await page.press("Change warm throughput");
    await page.fill(/MiB a second/, "8");
    await page.pressInDialog("Save");
    await page.sees("Warm throughput is changed.");
    expect((await summary()).WarmThroughput?.TargetMiBps).toBe(8);
    await page.close();
  });

  it("consumers are registered and deregistered, a policy is written and checked, tags are set", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/orders/access");
    await page.sees("No consumer is registered");
    await page.press("Register…");
    await page.fill("Name", "fast-reader");
    await page.pressInDialog("Register");
    await page.sees("fast-reader is registered.");
    const { Consumers } = await server.kinesis().send(new ListStreamConsumersCommand({ StreamARN: arn }));
    expect(Consumers?.[0]?.ConsumerName).toBe("fast-reader");
    await page.page.getByRole("radio", { name: "Choose fast-reader" }).check({ force: true });
    await page.press("Deregister");
    await page.fill(/To confirm/, "fast-reader");
    await page.pressInDialog("Delete");
    await page.sees("The consumer is deregistered.");

    await page.press("Write who may do what with this stream");
    const policy = page.page.getByLabel("Policy as JSON");
    await policy.fill('{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}');
    await page.sees("The Effect of a statement is Allow or Deny.");
    await policy.fill(JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "kinesis:GetRecords", Resource: arn }] }));
    await page.pressInDialog("Save");
    await page.sees("Who may do what with this stream is changed.");
    expect((await server.kinesis().send(new GetResourcePolicyCommand({ ResourceARN: arn }))).Policy).toContain("111122223333");

    await page.press("Change tags");
    await page.press("Add a tag");
    await page.fill("Key of tag 1", "team");
    await page.fill("Value of tag 1", "trading");
    await page.pressInDialog("Save");
    await page.sees("team = trading");
    expect((await server.kinesis().send(new ListTagsForStreamCommand({ StreamName: "orders" }))).Tags).toEqual([{ Key: "team", Value: "trading" }]);
    await page.close();
  });

  it("charts show what the metrics' API has, and say where there is nothing", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/streams/orders/monitoring");
    await page.sees("Time of a call, on average");
    await page.page.getByRole("button", { name: "15 min" }).click();
    expect(new URL(page.page.url()).hash).toContain("minutes=15");
    await page.sees("Nothing was measured in this time.");
    // The page asks what anybody may ask.
    const cloudwatch = new CloudWatchClient({ region: "us-east-1", endpoint: server.url, credentials: { accessKeyId: "x", secretAccessKey: "x" } });
    const now = Date.now();
    const Metric = { Namespace: "AWS/Kinesis", MetricName: "IncomingRecords", Dimensions: [{ Name: "StreamName", Value: "orders" }] };
    await cloudwatch.send(new GetMetricDataCommand({ StartTime: new Date(now - 60_000), EndTime: new Date(now), MetricDataQueries: [{ Id: "a", MetricStat: { Metric, Period: 60, Stat: "Sum" } }] }));
    await page.close();
  });
});
