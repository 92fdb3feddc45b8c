// A reporter for jest: the same lines as reporter.mjs.
module.exports = class {
  onTestResult(test, result) {
    const say = (it) => process.stdout.write(`\n::l2mac:: ${JSON.stringify({ file: test.path, line: 0, ...it })}\n`);
    for (const it of result.testResults) {
      const state = { passed: "passed", failed: "failed" }[it.status] ?? "skipped";
      say({ name: [...it.ancestorTitles, it.title].join(" > "), state, text: it.failureMessages.join("\n") });
    }
    if (result.testExecError) say({ name: "(file)", state: "failed", text: result.failureMessage ?? "it could not be run" });
  }
};
