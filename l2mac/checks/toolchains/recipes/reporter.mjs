// A reporter for node's test runner: one line of JSON for each test.
import { isAbsolute } from "node:path";

export default async function* report(source) {
  const above = [];
  for await (const { type, data } of source) {
    if (type === "test:start") {
      above.length = data.nesting;
      above[data.nesting] = data.name;
    } else if (type === "test:stdout" || type === "test:stderr") {
      yield data.message;
    } else if (type === "test:pass" || type === "test:fail") {
      const error = data.details?.error?.cause ?? data.details?.error;
      const below = data.details?.error?.failureType === "subtestsFailed";
      if (data.details?.type === "suite" && (type === "test:pass" || below)) continue;
      if (below) continue;
      // A file without any test, or one whose process ended before its tests, is reported as a test that passed.
      if (type === "test:pass" && data.nesting === 0 && isAbsolute(data.name)) continue;
      const state = data.skip !== undefined || data.todo !== undefined ? "skipped" : type === "test:pass" ? "passed" : "failed";
      const name = [...above.slice(0, data.nesting), data.name].join(" > ");
      const text = state === "failed" ? String(error?.stack ?? error?.message ?? error) : "";
      yield `\n::l2mac:: ${JSON.stringify({ name, state, file: data.file ?? "", line: data.line ?? 0, text })}\n`;
    }
  }
}
