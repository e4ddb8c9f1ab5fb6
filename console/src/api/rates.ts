//! How much goes through streams: the last whole minute of their metrics. The metrics' client is loaded when it is used.

import type { Access } from "./access";

/** Per second, over the last minute that is whole; 0 where nothing was measured. */
export interface Rates {
  recordsIn: number;
  bytesIn: number;
  recordsOut: number;
}

const MEASURES = [
  ["recordsIn", "IncomingRecords"],
  ["bytesIn", "IncomingBytes"],
  ["recordsOut", "GetRecords.Records"],
] as const;
/** GetMetricData takes 500 questions at a time. */
const STREAMS_MAX = Math.floor(500 / MEASURES.length);

/** Rates by the streams' names. */
export async function streamRates(access: Access, names: readonly string[], signal?: AbortSignal): Promise<Map<string, Rates>> {
  const { cloudwatchOf, GetMetricDataCommand } = await import("./cloudwatch");
  const rates = new Map<string, Rates>();
  for (let at = 0; at < names.length; at += STREAMS_MAX) {
    const some = names.slice(at, at + STREAMS_MAX);
    const end = Math.floor(Date.now() / 60_000) * 60_000;
    const answer = await cloudwatchOf(access).send(
      new GetMetricDataCommand({
        StartTime: new Date(end - 3 * 60_000),
        EndTime: new Date(end),
        ScanBy: "TimestampDescending",
        MetricDataQueries: some.flatMap((name, index) =>
          MEASURES.map(([member, metric]) => ({
            Id: `${member}_${index}`,
            MetricStat: {
              Metric: { Namespace: "AWS/Kinesis", MetricName: metric, Dimensions: [{ Name: "StreamName", Value: name }] },
              Period: 60,
              Stat: "Sum",
            },
          })),
        ),
      }),
      { abortSignal: signal },
    );
    for (const name of some) rates.set(name, { recordsIn: 0, bytesIn: 0, recordsOut: 0 });
    // Minutes are there some seconds late: the newest that has anything counts for all.
    const newest = Math.max(...(answer.MetricDataResults ?? []).flatMap((result) => result.Timestamps?.map((time) => time.getTime()) ?? []));
    for (const result of answer.MetricDataResults ?? []) {
      const [member, index] = (result.Id ?? "").split("_");
      const found = rates.get(some[Number(index)] ?? "");
      const where = result.Timestamps?.findIndex((time) => time.getTime() === newest) ?? -1;
      if (found && where >= 0) found[member as keyof Rates] = (result.Values?.[where] ?? 0) / 60;
    }
  }
  return rates;
}
