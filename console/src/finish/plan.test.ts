import { describe, expect, it } from "vitest";

import { finishPlan, partKey } from "./plan";

describe("finishing up", () => {
  it("takes the stream first, then the tables of each application", () => {
    const plan = finishPlan("orders", ["fast"], [{ name: "app", moreTables: ["app-CoordinatorState"], leases: [] }]);
    expect(plan.map(partKey)).toEqual(["stream orders", "table app", "table app-CoordinatorState"]);
    expect(plan[0]?.why).toContain("1 fan-out consumer: fast");
  });
  it("of a stream that nobody reads is the stream", () => {
    expect(finishPlan("orders", [], []).map(partKey)).toEqual(["stream orders"]);
  });
});
