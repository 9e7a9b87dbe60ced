import { availableParallelism } from "node:os";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { runTask } from "./tasks.js";

/** Each needs about half a GiB for a million sessions. */
const MOST_THREADS = 4;

if (!isMainThread) {
  parentPort.on("message", (task) => {
    void runTask(task, workerData).then((done) => parentPort.postMessage(done));
  });
}

/**
 * Runs tasks on all cores. Each has its own seeded chance, so their order changes nothing.
 *
 * @returns outcomes in the order of the tasks
 */
export async function runAll(tasks, options) {
  const outcomes = new Array(tasks.length);
  let next = 0;
  const threads = Math.min(tasks.length, MOST_THREADS, availableParallelism());
  await Promise.all(
    Array.from({ length: threads }, () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: options });
      return new Promise((resolve, reject) => {
        let at;
        const give = () => {
          if (next === tasks.length) resolve(worker.terminate());
          else worker.postMessage(tasks[(at = next++)]);
        };
        worker.on("error", reject);
        worker.on("message", (done) => {
          outcomes[at] = done;
          give();
        });
        give();
      });
    }),
  );
  return outcomes;
}
