import { describe, expect, it } from "vitest";

import { meanS, parsePrometheus, quantileS, rateOf, sumOf } from "./prometheus";

const page = (commits: number, fsyncs: number, sum: number) => `# HELP millstream_log_commits_total Commits
# TYPE millstream_log_commits_total counter
millstream_log_commits_total ${commits}
millstream_calls_total{operation="PutRecord",error_class="none"} 7
millstream_calls_total{operation="PutRecord",error_class="client"} 2
fsync_seconds_sum ${sum}
fsync_seconds_count ${fsyncs}
fsync_seconds_bucket{le="0.001"} ${fsyncs * 0.5}
fsync_seconds_bucket{le="0.01"} ${fsyncs}
fsync_seconds_bucket{le="+Inf"} ${fsyncs}
odd{text="a \\"quoted\\" \\\\ line\\n"} 1e3 1764000000000
not a number
broken{x="y"} NaNN
`;
const at = (atMs: number, ...args: [number, number, number]) => ({ atMs, samples: parsePrometheus(page(...args)) });

describe("numbers for Prometheus", () => {
  const [before, after] = [at(0, 100, 10, 1), at(5000, 150, 20, 1.02)];
  it("are read with their labels, and nothing else is", () => {
    expect(before.samples.find((one) => one.name === "odd")).toEqual({ name: "odd", labels: { text: 'a "quoted" \\ line\n' }, value: 1000 });
    expect(before.samples.some((one) => one.name === "broken" || one.name === "not")).toBe(false);
    expect(sumOf(before.samples, "millstream_calls_total", { operation: "PutRecord" })).toBe(9);
    expect(sumOf(before.samples, "millstream_calls_total", { error_class: "client" })).toBe(2);
  });
  it("become rates, means and bounds between two pages", () => {
    expect(rateOf(before, after, "millstream_log_commits_total")).toBe(10);
    expect(meanS(before, after, "fsync_seconds")).toBeCloseTo(0.002);
    expect(quantileS(before, after, "fsync_seconds", 0.5)).toBe(0.001);
    expect(quantileS(before, after, "fsync_seconds", 0.99)).toBe(0.01);
  });
  it("are none where nothing happened, or the server was started again", () => {
    expect(meanS(after, after, "fsync_seconds")).toBeUndefined();
    expect(quantileS(after, after, "fsync_seconds", 0.5)).toBeUndefined();
    expect(rateOf(after, at(9000, 3, 1, 0), "millstream_log_commits_total")).toBe(0);
  });
});
