// Parses every JavaScript file below the folder, runs none, and prints `path:line: SyntaxError: …` for what is no program.
import { readdirSync, readFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import vm from "node:vm";

const kinds = new Map();
function kind(folder) {
  if (!kinds.has(folder)) {
    const file = join(folder, "package.json");
    const up = dirname(folder);
    let found = up === folder || folder === "." ? "" : kind(up);
    try {
      if (existsSync(file)) found = JSON.parse(readFileSync(file, "utf8")).type ?? "commonjs";
    } catch {}
    kinds.set(folder, found);
  }
  return kinds.get(folder);
}

function parse(path, text) {
  const asModule = () => new vm.SourceTextModule(text, { identifier: path });
  const asScript = () => vm.compileFunction(text.replace(/^#!.*/, ""), ["exports", "require", "module", "__filename", "__dirname"], { filename: path });
  if (path.endsWith(".mjs")) return asModule();
  if (path.endsWith(".cjs")) return asScript();
  const declared = kind(dirname(path));
  if (declared === "module") return asModule();
  try {
    return asScript();
  } catch (error) {
    if (declared === "commonjs" && !/import statement|import\.meta|Unexpected token 'export'/.test(error.message)) throw error;
    return asModule();
  }
}

let wrong = 0;
function walk(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = folder === "." ? entry.name : join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules" && !entry.name.startsWith(".") && entry.name !== "coverage") walk(path);
    } else if (entry.isFile() && /\.[cm]?js$/.test(entry.name)) {
      try {
        parse(path, readFileSync(path, "utf8"));
      } catch (error) {
        const said = spawnSync(process.execPath, ["--check", path], { encoding: "utf8" }).stderr ?? "";
        const line = /:(\d+)$/m.exec(said.split("\n", 1)[0])?.[1] ?? "0";
        console.log(`${path}:${line}: ${error.name}: ${error.message.split("\n")[0]}`);
        wrong = 1;
      }
    }
  }
}
walk(".");
process.exitCode = wrong;
