// node scripts/run.mjs <path below dist> [arguments]: builds, then runs a compiled program of this repository.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, ensureInstalled, root } from './support/prepare.mjs';
import { run } from './support/process.mjs';

const [program, ...args] = process.argv.slice(2);
await ensureInstalled();
const buildCode = await build();
const file = join(root, 'dist', program);
if (buildCode !== 0) {
  console.error('the build failed');
  process.exitCode = buildCode;
} else if (!existsSync(file)) {
  console.error(`there is no ${program} in this checkout`);
  process.exitCode = 1;
} else {
  process.exitCode = (await run(process.execPath, [file, ...args], { cwd: process.cwd() })).code;
}
