//! Charts of a stream's metrics, from CloudWatch's API.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import LineChart from "@cloudscape-design/components/line-chart";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import type { Access } from "../api/access";
import { cloudwatchOf, GetMetricDataCommand, ListMetricsCommand } from "../api/cloudwatch";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { hrefOf, replace, useRoute } from "../shell/route";
import { usePreferences } from "../shell/preferences";
import { duration, moment, rough } from "../show/format";
import { ProblemBox } from "../show/problem_box";
import { type ChartPlan, drawn, inUnit, periodS, type Point, SHARD_CHARTS, SPANS, STREAM_CHARTS } from "./charts";

interface Data {
  /** By chart and line. */
  series: Map<string, Point[]>;
  from: Date;
  to: Date;
  /** Of each point, in seconds. */
  period: number;
}

export default function MonitoringTab({ stream }: { stream: string }) {
  const access = useAccess();
  const { query, region } = useRoute();
  const [minutes, setMinutes] = useState(() => SPANS.find((span) => String(span.minutes) === query.get("minutes"))?.minutes ?? 60);
  const [shardId, setShardId] = useState(query.get("shard") ?? "");
  const remember = (nextMinutes: number, nextShard: string) =>
    replace(hrefOf(region, ["streams", stream, "monitoring"], { minutes: nextMinutes === 60 ? undefined : String(nextMinutes), shard: nextShard }));
  const plans = shardId === "" ? STREAM_CHARTS : SHARD_CHARTS;
  const shards = useLoad(`metric shards ${stream} ${region}`, (signal) => shardsWithMetrics(access, stream, signal));
  const data = useLoad(`metrics ${stream} ${region} ${minutes} ${shardId}`, (signal) => load(access, stream, shardId, plans, minutes, signal), 30_000);
  const options = [{ value: "", label: "The whole stream" }, ...(shards.value ?? []).map((value) => ({ value, label: value }))];
  return (
    <SpaceBetween size="l">
      <div className="records-bar">
        <SegmentedControl
          label="Time"
          selectedId={String(minutes)}
          onChange={({ detail }) => {
            setMinutes(Number(detail.selectedId) as typeof minutes);
            remember(Number(detail.selectedId), shardId);
          }}
          options={SPANS.map((span) => ({ id: String(span.minutes), text: span.name }))}
        />
        <SpaceBetween direction="horizontal" size="xs" alignItems="end">
          <FormField label="Of">
            <Select
              selectedOption={options.find((option) => option.value === shardId) ?? { value: shardId, label: shardId }}
              options={options}
              onChange={({ detail }) => {
                setShardId(detail.selectedOption.value ?? "");
                remember(minutes, detail.selectedOption.value ?? "");
              }}
            />
          </FormField>
          <Button iconName="refresh" ariaLabel="Load again" onClick={data.again} />
        </SpaceBetween>
      </div>
      {shards.value?.length === 0 && (
        <Box color="text-body-secondary" fontSize="body-s">
          Shards are measured one by one from the minute after that is switched on in Settings.
        </Box>
      )}
      {data.problem?.kind !== "away" && <ProblemBox problem={data.problem} again={data.again} />}
      <div className="charts">
        {plans.map((plan) => (
          <Chart key={plan.id} plan={plan} data={data.value} isLoading={data.isLoading} />
        ))}
      </div>
    </SpaceBetween>
  );
}

function Chart({ plan, data, isLoading }: { plan: ChartPlan; data: Data | undefined; isLoading: boolean }) {
  const { zone } = usePreferences();
  const format = (value: number) =>
    ({ "bytes/s": `${rough(value)}${value >= 10_000 ? "" : " "}B/s`, "records/s": `${rough(value)}/s`, ms: duration(value), records: rough(value), share: `${rough(value * 100)} %` })[plan.unit];
  const series = plan.lines.map((line) => ({ title: line.name, type: "line" as const, data: data ? drawn(data.series.get(`${plan.id} ${line.metric}`) ?? [], line, data.period) : [], valueFormatter: format }));
  const hasAny = series.some((one) => one.data.length > 0);
  const most = Math.max(0, ...series.flatMap((one) => one.data.map((point) => point.y)));
  return (
    <Container header={<Header variant="h3">{plan.title}</Header>}>
      <LineChart
        series={hasAny ? series.filter((one) => one.data.length > 0) : []}
        height={160}
        hideFilter
        xScaleType="time"
        {...(data && { xDomain: [data.from, data.to] as [Date, Date] })}
        yDomain={[0, plan.unit === "share" ? 1 : Math.max(most * 1.1, plan.unit === "ms" ? 10 : 1)]}
        ariaLabel={plan.title}
        statusType={isLoading ? "loading" : "finished"}
        loadingText="Loading"
        empty={<Box color="text-body-secondary">Nothing was measured in this time.</Box>}
        i18nStrings={{
          xTickFormatter: (date) => moment(date, zone).slice(11, 16),
          yTickFormatter: format,
          detailPopoverDismissAriaLabel: "Close",
          legendAriaLabel: "Legend",
          chartAriaRoleDescription: "line chart",
          xAxisAriaRoleDescription: "time",
          yAxisAriaRoleDescription: plan.unit,
        }}
      />
    </Container>
  );
}

async function load(access: Access, stream: string, shardId: string, plans: ChartPlan[], minutes: number, signal: AbortSignal): Promise<Data> {
  const seconds = periodS(minutes);
  const to = new Date(Math.ceil(Date.now() / 60_000) * 60_000);
  const from = new Date(to.getTime() - minutes * 60_000);
  const lines = plans.flatMap((plan) => plan.lines.map((line) => ({ plan, line })));
  const Dimensions = [{ Name: "StreamName", Value: stream }, ...(shardId === "" ? [] : [{ Name: "ShardId", Value: shardId }])];
  const series = new Map<string, Point[]>();
  let NextToken: string | undefined;
  do {
    const answer = await cloudwatchOf(access).send(
      new GetMetricDataCommand({
        StartTime: from,
        EndTime: to,
        ScanBy: "TimestampAscending",
        ...(NextToken && { NextToken }),
        MetricDataQueries: lines.map(({ line }, index) => ({
          Id: `m${index}`,
          MetricStat: { Metric: { Namespace: "AWS/Kinesis", MetricName: line.metric, Dimensions }, Period: seconds, Stat: line.stat },
        })),
      }),
      { abortSignal: signal },
    );
    for (const result of answer.MetricDataResults ?? []) {
      const { plan, line } = lines[Number(result.Id?.slice(1))]!;
      const key = `${plan.id} ${line.metric}`;
      const points = (result.Timestamps ?? []).map((x, at) => ({ x, y: inUnit(result.Values?.[at] ?? 0, line, plan.unit, seconds) }));
      series.set(key, [...(series.get(key) ?? []), ...points]);
    }
    NextToken = answer.NextToken;
  } while (NextToken);
  return { series, from, to, period: seconds };
}

async function shardsWithMetrics(access: Access, stream: string, signal: AbortSignal): Promise<string[]> {
  const found = new Set<string>();
  let NextToken: string | undefined;
  do {
    const answer = await cloudwatchOf(access).send(
      new ListMetricsCommand({ Namespace: "AWS/Kinesis", MetricName: "IncomingRecords", Dimensions: [{ Name: "StreamName", Value: stream }, { Name: "ShardId" }], ...(NextToken && { NextToken }) }),
      { abortSignal: signal },
    );
    for (const metric of answer.Metrics ?? []) {
      const shard = metric.Dimensions?.find((dimension) => dimension.Name === "ShardId")?.Value;
      if (shard) found.add(shard);
    }
    NextToken = answer.NextToken;
  } while (NextToken);
  return [...found].sort();
}
