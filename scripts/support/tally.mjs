/** Counts checks and ends a run with the one line that `.ci/run` adds up. */
export class Tally {
  passed = 0;
  failed = 0;
  /** @type {Map<string, number>} how many were left out, by reason */
  skipped = new Map();

  pass() {
    this.passed++;
  }

  fail() {
    this.failed++;
  }

  /** @param {string} reason */
  skip(reason) {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1);
  }

  /**
   * Counts one check and says which.
   *
   * @param {string} name
   * @param {boolean} holds
   * @param {string} [detail] shown when it does not hold
   */
  check(name, holds, detail) {
    if (holds) this.pass();
    else this.fail();
    console.log(`${holds ? 'ok  ' : 'FAIL'} ${name}${holds || detail === undefined ? '' : `: ${detail}`}`);
    return holds;
  }

  get ok() {
    return this.failed === 0;
  }

  /** Prints what was skipped and why, then the closing line, and sets the exit code. */
  close() {
    for (const [reason, count] of this.skipped) console.log(`skipped ${count}: ${reason}`);
    const skipped = [...this.skipped.values()].reduce((sum, count) => sum + count, 0);
    console.log(`${this.passed} passed, ${this.failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
    process.exitCode = this.ok ? 0 : 1;
  }
}
