import { defineConfig } from "vitest/config";

/** What is pure: no browser, no server. */
export default defineConfig({
  test: { include: ["src/**/*.test.ts"], reporters: ["default", "./e2e/count.ts"] },
});
