// npm test: formatting, lint, types, then every spec. Arguments choose specs by a part of their path and leave out the
// checks before them: `npm test -- src/cache`.
import { build, ensureInstalled, root, tool } from './support/prepare.mjs';
import { run } from './support/process.mjs';
import { runSpecs, specFiles } from './support/specs.mjs';
import { Tally } from './support/tally.mjs';

/** Longest time that one spec file may take. */
const fileTimeoutMs = 10 * 60_000;

const filters = process.argv.slice(2);
const tally = new Tally();
const node = (name, ...args) => run(process.execPath, [tool(name), ...args], { cwd: root });

await ensureInstalled();
if (filters.length === 0) {
  tally.check('formatting', (await node('prettier', '--check', '--log-level', 'warn', '.')).code === 0);
  tally.check('lint', (await node('eslint', '.')).code === 0);
}
tally.check('types and build', (await build()) === 0);
const files = specFiles(['src', 'generators'], filters);
console.log(`running ${files.length} spec files`);
await runSpecs(files, tally, { concurrency: true, fileTimeoutMs });
tally.close();
