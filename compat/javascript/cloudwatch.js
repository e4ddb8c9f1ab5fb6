// CloudWatch by the SDK for JavaScript, which sends JSON.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import {
  CloudWatchClient,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  InvalidParameterValueException,
  PutMetricDataCommand,
  paginateListMetrics,
} from "@aws-sdk/client-cloudwatch";

import { common } from "./harness.js";

const cloudWatch = new CloudWatchClient(common);
after(() => cloudWatch.destroy());

const MINUTE_MS = 60_000;
const now = new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);
const ago = (minutes) => new Date(now - minutes * MINUTE_MS);

test("samples of CloudWatch come back as statistics and data", async () => {
  const Namespace = `compat/${randomUUID().slice(0, 13)}`;
  const metric = { MetricName: "m", Dimensions: [{ Name: "Stream", Value: "s" }] };
  await cloudWatch.send(
    new PutMetricDataCommand({
      Namespace,
      MetricData: [
        { ...metric, Timestamp: ago(3), Unit: "Bytes", Value: 5 },
        { ...metric, Timestamp: ago(3), Unit: "Bytes", Values: [1.5, 2], Counts: [2, 1] },
        {
          ...metric,
          Timestamp: ago(2),
          Unit: "Bytes",
          StatisticValues: { SampleCount: 4, Sum: 20, Minimum: 1, Maximum: 9 },
        },
      ],
    }),
  );
  const span = { StartTime: ago(5), EndTime: now };
  const { Datapoints } = await cloudWatch.send(
    new GetMetricStatisticsCommand({ Namespace, ...metric, ...span, Period: 60, Statistics: ["Sum", "SampleCount"] }),
  );
  Datapoints.sort((one, other) => one.Timestamp - other.Timestamp);
  assert.deepEqual(Datapoints, [
    { Timestamp: ago(3), Sum: 10, SampleCount: 4, Unit: "Bytes" },
    { Timestamp: ago(2), Sum: 20, SampleCount: 4, Unit: "Bytes" },
  ]);
  const { MetricDataResults } = await cloudWatch.send(
    new GetMetricDataCommand({
      ...span,
      ScanBy: "TimestampAscending",
      MetricDataQueries: [
        { Id: "m1", ReturnData: false, MetricStat: { Metric: { Namespace, ...metric }, Period: 60, Stat: "Sum" } },
        { Id: "e1", Expression: "FILL(m1, 0) / PERIOD(m1)", Label: "bytes per second" },
      ],
    }),
  );
  assert.equal(MetricDataResults.length, 1);
  assert.equal(MetricDataResults[0].Label, "bytes per second");
  assert.deepEqual(MetricDataResults[0].Values, [0, 0, 10 / 60, 20 / 60, 0]);
  assert.deepEqual(MetricDataResults[0].Timestamps[2], ago(3));
  const listed = [];
  for await (const page of paginateListMetrics({ client: cloudWatch }, { Namespace })) listed.push(...page.Metrics);
  assert.deepEqual(listed, [{ Namespace, ...metric }]);
});

test("errors of CloudWatch are the SDK's own classes", async () => {
  const MetricData = [{ MetricName: "m", Value: 1 }];
  await assert.rejects(
    cloudWatch.send(new PutMetricDataCommand({ Namespace: "AWS/Kinesis", MetricData })),
    (error) => {
      assert.ok(error instanceof InvalidParameterValueException, error);
      assert.equal(error.message, "The value AWS/Kinesis for parameter Namespace is invalid.");
      return true;
    },
  );
});
