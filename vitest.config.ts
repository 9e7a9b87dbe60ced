import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A process for each file: tests start servers, send signals and measure memory.
    pool: "forks",
    // On two cores: most of the long ones wait for servers to fail over.
    maxWorkers: 4,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A test that passes the second time is a test that fails.
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
  },
});
