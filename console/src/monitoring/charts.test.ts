import { describe, expect, it } from "vitest";

import { inUnit, periodS, SHARD_CHARTS, SPANS, STREAM_CHARTS } from "./charts";

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
  it("ask for at most what one call answers", () => {
    for (const plans of [STREAM_CHARTS, SHARD_CHARTS]) expect(plans.flatMap((plan) => plan.lines).length).toBeLessThanOrEqual(500);
  });
});
