// npm run e2e: whole programs against real parts (registries, BuildKit, Nx workspaces, OCI runtimes), as far as the
// machine has them. Arguments choose specs by a part of their path: `npm run e2e -- registry`.
import { build, ensureInstalled } from './support/prepare.mjs';
import { runSpecs, specFiles } from './support/specs.mjs';
import { Tally } from './support/tally.mjs';

/** Longest time that one spec file may take: some build hundreds of images. */
const fileTimeoutMs = 45 * 60_000;

const tally = new Tally();
await ensureInstalled();
tally.check('types and build', (await build()) === 0);
const files = specFiles(['e2e'], process.argv.slice(2));
console.log(`running ${files.length} end-to-end spec files`);
// One after the other: they share the machine's registries and builders, and some measure.
if (tally.ok) await runSpecs(files, tally, { concurrency: 1, fileTimeoutMs, announce: true });
tally.close();
