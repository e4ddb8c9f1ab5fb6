import { describe, expect, it } from "vitest";

import { drawn, inUnit, periodS, SHARD_CHARTS, SPANS, STREAM_CHARTS } from "./charts";

describe("charts", () => {
  it("have few points, in whole minutes", () => {
    for (const { minutes } of SPANS) {
      expect(periodS(minutes) % 60).toBe(0);
      expect((minutes * 60) / periodS(minutes)).toBeLessThanOrEqual(120);
    }
    expect(periodS(15)).toBe(60);
    expect(periodS(10_080) % 300).toBe(0);
  });
  it("make rates of sums, and of nothing else", () => {
    const sum = { metric: "IncomingRecords", stat: "Sum", name: "in" } as const;
    expect(inUnit(600, sum, "records/s", 60)).toBe(10);
    expect(inUnit(600, sum, "records", 60)).toBe(600);
    expect(inUnit(600, { ...sum, stat: "Maximum" }, "ms", 60)).toBe(600);
  });
  it("show a minute that stands alone: a sum between zeros, an average for as long as it holds", () => {
    const at = (minute: number) => new Date(minute * 60_000);
    const points = [1, 5, 6].map((minute) => ({ x: at(minute), y: minute * 10 }));
    const minutes = (line: { x: Date; y: number }[]) => line.map(({ x, y }) => [x.getTime() / 60_000, y]);
    const sum = { metric: "IncomingRecords", stat: "Sum", name: "in" } as const;
    expect(minutes(drawn(points, sum, 60))).toEqual([[0, 0], [1, 10], [2, 0], [4, 0], [5, 50], [6, 60], [7, 0]]);
    expect(minutes(drawn(points, { ...sum, stat: "Average" }, 60))).toEqual([[1, 10], [2, 10], [5, 50], [6, 60], [7, 60]]);
    expect(drawn([], sum, 60)).toEqual([]);
  });
  it("ask for at most what one call answers", () => {
    for (const plans of [STREAM_CHARTS, SHARD_CHARTS]) expect(plans.flatMap((plan) => plan.lines).length).toBeLessThanOrEqual(500);
  });
});
