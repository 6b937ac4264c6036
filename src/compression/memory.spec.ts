import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { findNativeZstd } from './native-zstd';

const run = promisify(execFile);
const MiB = 1024 * 1024;
/** Compressed and decompressed in one process. Whoever kept the content would hold this much on top. */
const contentMiB = 256;

async function largestMemory(type: string, codec: 'native' | 'wasm'): Promise<number> {
  const probe = join(__dirname, 'testing/memory-probe.js');
  const { stdout } = await run(process.execPath, [probe, type, codec, String(contentMiB)]);
  return Number(stdout);
}

/** Node itself takes 50 to 100 MiB. Blocks of zstd have 4 MiB, and each thread of WebAssembly a heap of its own. */
for (const { type, codec, boundMiB } of [
  { type: 'gzip', codec: 'native', boundMiB: 240 },
  { type: 'zstd', codec: 'native', boundMiB: 340 },
  { type: 'zstd', codec: 'wasm', boundMiB: 480 },
] as const) {
  const skip = type === 'zstd' && codec === 'native' && findNativeZstd() === undefined && 'this Node has no zstd';
  test(`${type} (${codec}) streams ${contentMiB} MiB in bounded memory`, { skip }, async () => {
    const bytes = await largestMemory(type, codec);
    assert.ok(bytes < boundMiB * MiB, `it took ${Math.round(bytes / MiB)} MiB`);
  });
}
