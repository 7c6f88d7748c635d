/** Ends a run with one plain line; `LOOM_TEST_COUNTS` names a file that gathers the counts of several suites. */
import { appendFileSync } from 'node:fs';

export default class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    // A suite that could not even be loaded counts as one failure: nothing fails in silence.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const line = { passed: results.numPassedTests, failed, skipped: results.numPendingTests };
    if (process.env.LOOM_TEST_COUNTS) {
      appendFileSync(process.env.LOOM_TEST_COUNTS, `${JSON.stringify(line)}\n`);
      return;
    }
    console.log(`${line.passed} passed, ${line.failed} failed, ${line.skipped} skipped`);
  }
}
