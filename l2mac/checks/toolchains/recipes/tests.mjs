// Starts node's test runner on the TypeScript and JavaScript tests below the folder; what is given is passed on to node.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const found = [];
function walk(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules" && !entry.name.startsWith(".")) walk(path);
    } else if (/(?:^|\/)(?:tests?|__tests__)\/.*\.[cm]?[jt]sx?$|\.(?:test|spec)\.[cm]?[jt]sx?$/.test(path)) {
      found.push(path);
    }
  }
}
walk(".");
const reporter = join(dirname(fileURLToPath(import.meta.url)), "reporter.mjs");
const options = [...process.argv.slice(2), "--test", `--test-reporter=${reporter}`, ...found];
process.exitCode = spawnSync(process.execPath, options, { stdio: "inherit" }).status ?? 1;
