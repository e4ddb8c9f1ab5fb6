import { defineConfig } from "vitest/config";

/** What takes too long for a test, or wants a machine of its own: sizes, rates, an hour of tailing. */
export default defineConfig({
  test: {
    include: ["measure/**/*.measure.ts"],
    reporters: ["verbose", "./e2e/count.ts"],
    fileParallelism: false,
    testTimeout: 2 * 3_600_000,
    hookTimeout: 600_000,
  },
});
