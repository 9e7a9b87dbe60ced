// What becomes of a million sessions when a fleet grows, loses a zone, is deployed anew, or is
// reconnected to at once? The edge's own ring, policies, candidates, admission and drains decide, on a
// simulated clock; clients and the capacity of backends are modelled (simulation/model.js). Beside
// other policies, modulo hashing, and the same without pacing. A seed gives the same results again.
// Run: npm run build && node benchmarks/simulation.js [--sessions N] [--seed N] [--json FILE] [--charts DIRECTORY]
import { drawCharts } from "./simulation/charts.js";
import { command } from "./simulation/command.js";
import { scenarioTasks } from "./simulation/tasks.js";

await command({ tasks: scenarioTasks(), sessions: 1_000_000, draw: drawCharts });
