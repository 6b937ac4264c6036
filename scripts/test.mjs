// npm test: formatting, lint, types, then every spec. Arguments choose specs by a part of their path and leave out the
// checks before them: `npm test -- src/cache`.
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run as runTests } from 'node:test';
import { inspect } from 'node:util';
import { build, ensureInstalled, root, tool } from './support/prepare.mjs';
import { run } from './support/process.mjs';
import { Tally } from './support/tally.mjs';

/** Longest time that one spec file may take. */
const fileTimeoutMs = 10 * 60_000;

/** Compiled specs of the sources that exist now; Node 20 has no globs of its own. */
function specFiles(filters) {
  return ['src', 'generators']
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

async function runSpecs(files, tally) {
  const printed = new Map();
  const failures = [];
  for await (const { type, data } of runTests({ files, concurrency: true, timeout: fileTimeoutMs })) {
    if (type === 'test:stdout' || type === 'test:stderr') {
      printed.set(data.file, (printed.get(data.file) ?? '') + data.message);
    } else if (type === 'test:pass' && !isWrapper(data)) {
      if (data.skip === undefined || data.skip === false) tally.pass();
      else tally.skip(typeof data.skip === 'string' ? data.skip : `${data.name} (no reason given)`);
    } else if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') {
      tally.fail();
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

const filters = process.argv.slice(2);
const tally = new Tally();
const node = (name, ...args) => run(process.execPath, [tool(name), ...args], { cwd: root });

await ensureInstalled();
if (filters.length === 0) {
  tally.check('formatting', (await node('prettier', '--check', '--log-level', 'warn', '.')).code === 0);
  tally.check('lint', (await node('eslint', '.')).code === 0);
}
tally.check('types and build', (await build()) === 0);
const files = specFiles(filters);
console.log(`running ${files.length} spec files`);
await runSpecs(files, tally);
tally.close();
