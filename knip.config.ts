import type { KnipConfig } from "knip";

/**
 * Two runs. The first counts what tests use as used, and takes `export` off what no other file needs.
 * The second (`--production`) looks at what ships: code and dependencies that only tests use are dead
 * there, except what a test takes out of a file that uses it itself.
 */
const config: KnipConfig = ({ production }) => ({
  entry: [
    "src/edge.ts!",
    "src/backend/index.ts!",
    "src/client/index.ts!",
    "src/cli/main.ts!",
    "test/**/*.test.ts",
    "benchmarks/*.{ts,js}",
  ],
  project: ["src/**/*.ts!", "test/**/*.{ts,js}", "benchmarks/**/*.{ts,js}"],
  // By its URL, in a browser.
  ignoreUnresolved: ["/index.js"],
  // Debian's, which test/run installs.
  ignoreBinaries: ["nats-server", "openssl", "redis-server"],
  ignoreExportsUsedInFile: production ? true : { interface: true, type: true },
});

export default config;
