import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run as runTests } from 'node:test';
import { inspect } from 'node:util';
import { root } from './prepare.mjs';

/**
 * Compiled specs of the sources that exist now; Node 20 has no globs of its own.
 *
 * @param {readonly string[]} folders
 * @param {readonly string[]} filters parts of a path; none means all
 * @returns {string[]} absolute
 */
export function specFiles(folders, filters) {
  return folders
    .flatMap((folder) => {
      try {
        return readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name));
      } catch {
        return [];
      }
    })
    .filter((name) => name.endsWith('.spec.ts'))
    .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
    .sort()
    .map((name) => join(root, 'dist', name.replace(/\.ts$/, '.js')));
}

const isWrapper = (data) => data.details?.type === 'suite' || data.name === data.file;

/**
 * Runs compiled specs, counts them, and prints what failed.
 *
 * @param {readonly string[]} files
 * @param {import('./tally.mjs').Tally} tally
 * @param {{ concurrency: boolean | number, fileTimeoutMs: number, announce?: boolean }} options `announce` prints a line
 *   for each test as it ends, for runs that take minutes.
 */
export async function runSpecs(files, tally, { concurrency, fileTimeoutMs, announce = false }) {
  const printed = new Map();
  const failures = [];
  const say = (word, data) => {
    if (announce) console.log(`${word} ${data.name} (${(data.details.duration_ms / 1000).toFixed(1)}s)`);
  };
  for await (const { type, data } of runTests({ files, concurrency, timeout: fileTimeoutMs })) {
    if (type === 'test:stdout' || type === 'test:stderr') {
      printed.set(data.file, (printed.get(data.file) ?? '') + data.message);
    } else if (type === 'test:pass' && !isWrapper(data)) {
      if (data.skip === undefined || data.skip === false) {
        tally.pass();
        say('ok  ', data);
      } else tally.skip(typeof data.skip === 'string' ? data.skip : `${data.name} (no reason given)`);
    } else if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') {
      tally.fail();
      say('FAIL', data);
      failures.push(data);
    }
  }
  for (const { name, file, details } of failures) {
    const where = file === undefined ? '' : ` (${relative(root, file)})`;
    console.log(`\nFAIL ${name}${where}\n${inspect(details.error?.cause ?? details.error)}`);
  }
  for (const file of new Set(failures.map((failure) => failure.file))) {
    if (printed.has(file)) console.log(`\noutput of ${relative(root, file)}:\n${printed.get(file).trimEnd()}`);
  }
}
