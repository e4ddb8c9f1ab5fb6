import { defineConfig } from "vitest/config";

/** The console in a browser against a real server, one flow after the other: they share two cores. */
export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"],
    reporters: ["verbose", "./e2e/count.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 300_000,
  },
});
