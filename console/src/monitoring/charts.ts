//! Which metrics are charted, and over which time.

/** One line of a chart. */
export interface Line {
  metric: string;
  stat: "Sum" | "Average" | "Maximum";
  name: string;
}

/** A chart of a stream's metrics. */
export interface ChartPlan {
  id: string;
  title: string;
  unit: "records/s" | "bytes/s" | "ms" | "records" | "share";
  lines: Line[];
}

/** Sums become rates: AWS's numbers are of a period, people think in seconds. */
export const STREAM_CHARTS: ChartPlan[] = [
  {
    id: "records",
    title: "Records",
    unit: "records/s",
    lines: [
      { metric: "IncomingRecords", stat: "Sum", name: "in" },
      { metric: "GetRecords.Records", stat: "Sum", name: "out, by GetRecords" },
    ],
  },
  {
    id: "bytes",
    title: "Bytes",
    unit: "bytes/s",
    lines: [
      { metric: "IncomingBytes", stat: "Sum", name: "in" },
      { metric: "GetRecords.Bytes", stat: "Sum", name: "out, by GetRecords" },
    ],
  },
  { id: "age", title: "How far readers are behind, at most", unit: "ms", lines: [{ metric: "GetRecords.IteratorAgeMilliseconds", stat: "Maximum", name: "by GetRecords" }] },
  {
    id: "latency",
    title: "Time of a call, on average",
    unit: "ms",
    lines: [
      { metric: "PutRecord.Latency", stat: "Average", name: "PutRecord" },
      { metric: "PutRecords.Latency", stat: "Average", name: "PutRecords" },
      { metric: "GetRecords.Latency", stat: "Average", name: "GetRecords" },
    ],
  },
  {
    id: "success",
    title: "Calls that succeeded",
    unit: "share",
    lines: [
      { metric: "PutRecord.Success", stat: "Average", name: "PutRecord" },
      { metric: "PutRecords.Success", stat: "Average", name: "PutRecords" },
      { metric: "GetRecords.Success", stat: "Average", name: "GetRecords" },
    ],
  },
  {
    id: "refused",
    title: "Refused",
    unit: "records",
    lines: [
      { metric: "WriteProvisionedThroughputExceeded", stat: "Sum", name: "writes over the limit" },
      { metric: "ReadProvisionedThroughputExceeded", stat: "Sum", name: "reads over the limit" },
      { metric: "PutRecords.FailedRecords", stat: "Sum", name: "records that failed" },
    ],
  },
];

/** Of a shard, where EnableEnhancedMonitoring switched them on. */
export const SHARD_CHARTS: ChartPlan[] = [
  {
    id: "records",
    title: "Records",
    unit: "records/s",
    lines: [
      { metric: "IncomingRecords", stat: "Sum", name: "in" },
      { metric: "OutgoingRecords", stat: "Sum", name: "out" },
    ],
  },
  {
    id: "bytes",
    title: "Bytes",
    unit: "bytes/s",
    lines: [
      { metric: "IncomingBytes", stat: "Sum", name: "in" },
      { metric: "OutgoingBytes", stat: "Sum", name: "out" },
    ],
  },
  { id: "age", title: "How far readers are behind, at most", unit: "ms", lines: [{ metric: "IteratorAgeMilliseconds", stat: "Maximum", name: "readers" }] },
  {
    id: "refused",
    title: "Refused",
    unit: "records",
    lines: [
      { metric: "WriteProvisionedThroughputExceeded", stat: "Sum", name: "writes over the limit" },
      { metric: "ReadProvisionedThroughputExceeded", stat: "Sum", name: "reads over the limit" },
    ],
  },
];

/** Times that can be chosen, in minutes. */
export const SPANS = [
  { minutes: 15, name: "15 min" },
  { minutes: 60, name: "1 h" },
  { minutes: 180, name: "3 h" },
  { minutes: 720, name: "12 h" },
  { minutes: 1440, name: "1 day" },
  { minutes: 10_080, name: "1 week" },
] as const;

/** More points than this make a chart no clearer. */
const POINTS_MAX = 120;

/** The period of a chart, in seconds: whole minutes, and five of them where only those are kept. */
export function periodS(minutes: number): number {
  const least = Math.ceil(minutes / POINTS_MAX);
  const kept = minutes > 3 * 24 * 60 ? 5 : 1;
  return Math.max(Math.ceil(least / kept) * kept, kept) * 60;
}

/** A value of a metric, at the beginning of its period. */
export interface Point {
  x: Date;
  y: number;
}

/**
 * Points as a line can show them. Each holds for its whole period: one that stands alone would be no line at all. Of a sum
 * nothing is told where nothing happened, and that is 0; of an average nothing is known there.
 */
export function drawn(points: readonly Point[], line: Line, seconds: number): Point[] {
  const periodMs = seconds * 1000;
  const isSum = line.stat === "Sum";
  return points.flatMap((point, at) => {
    const [before, after] = [points[at - 1]?.x.getTime() ?? -Infinity, points[at + 1]?.x.getTime() ?? Infinity];
    const begin = point.x.getTime();
    const shown = [point];
    if (isSum && before < begin - periodMs) shown.unshift({ x: new Date(begin - periodMs), y: 0 });
    if (after > begin + periodMs) shown.push({ x: new Date(begin + periodMs), y: isSum ? 0 : point.y });
    return shown;
  });
}

/** A value as the chart's unit wants it. */
export function inUnit(value: number, line: Line, unit: ChartPlan["unit"], seconds: number): number {
  return line.stat === "Sum" && (unit === "records/s" || unit === "bytes/s") ? value / seconds : value;
}
