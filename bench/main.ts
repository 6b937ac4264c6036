// npm run bench [-- name…]: measures side by side with other programs. Prints numbers and judges nothing.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { TemporaryDirectory } from '../src/testing/temporary-directory';
import { appsBench } from './apps';
import type { Bench } from './bench';
import { buildersBench } from './builders';
import { compressionBench } from './compression';
import { hitsBench } from './hits';
import { matchingBench } from './matching';
import { transferBench } from './transfer';
import { unchangedBuildBench } from './unchanged-build';

const benches: readonly Bench[] = [
  compressionBench,
  transferBench,
  unchangedBuildBench,
  matchingBench,
  buildersBench,
  hitsBench,
  appsBench,
];

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(`no benchmark is called ${unknown.join(', ')}; there are:`);
    for (const { name, description } of benches) console.error(`  ${name.padEnd(12)}${description}`);
    process.exitCode = 2;
    return;
  }
  console.log(`Node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'})`);
  for (const bench of benches) {
    if (names.length > 0 && !names.includes(bench.name)) continue;
    console.log(`\n# ${bench.name}: ${bench.description}; load ${(loadavg()[0] ?? 0).toFixed(1)}\n`);
    await using directory = await TemporaryDirectory.create();
    await bench.run({ directory: directory.path, print: (line) => console.log(line) });
  }
}

void main(process.argv.slice(2));
