// Runs scripts in node, each in a worker of its own: lines of {name, script} in, lines of {name, results} out.
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

const SECONDS = 20, AT_ONCE = 2;
const RUN = `
const { parentPort, workerData } = require("node:worker_threads");
globalThis.__finish = (text) => parentPort.postMessage(text);
require("node:vm").runInThisContext(workerData, { filename: "test.js" });
`;

function run(script) {
  return new Promise((resolve) => {
    const worker = new Worker(RUN, { eval: true, workerData: script, stdout: true, stderr: true });
    const end = (results) => { clearTimeout(timer); resolve(results); worker.terminate(); };
    const timer = setTimeout(() => end(null), SECONDS * 1000);
    worker.once("message", (text) => end(JSON.parse(text)));
    worker.once("error", () => {}); // an uncaught error of a test; the harness may still finish
    worker.once("exit", () => end(null));
  });
}

const jobs = [];
for await (const line of createInterface({ input: process.stdin })) jobs.push(JSON.parse(line));
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let job; (job = jobs.shift());) console.log(JSON.stringify({ name: job.name, results: await run(job.script) }));
}));
