// From how fast a backend on can a fleet do without pacing when everybody reconnects at once? The
// simulation's storm (simulation.js), with a tenth of its sessions and of its backends' rates, so
// that fleets that never come back can be watched for five minutes.
// Run: npm run build && node benchmarks/storm-capacity.js [--sessions N] [--seed N] [--json FILE] [--charts DIRECTORY]
import { CAPACITIES, drawCapacityCharts } from "./simulation/chart-of-capacity.js";
import { command } from "./simulation/command.js";
import { stormTasks } from "./simulation/tasks.js";

await command({ tasks: stormTasks(CAPACITIES), sessions: 100_000, draw: drawCapacityCharts });
