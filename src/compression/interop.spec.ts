import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { compressionTypes, type CompressionOptions } from './contract';
import { findNativeZstd } from './native-zstd';
import { compressed, decompressed, environments } from './testing/compressed';
import { noise, sampleContent, sampleTar } from './testing/sample-content';

const tar = sampleTar([
  { name: 'dir/', type: 'directory', mode: 0o755 },
  { name: 'dir/code', content: sampleContent(6_000_000) },
  { name: 'dir/noise', content: noise(700_000) },
]);

/** A reason to skip if the machine does not have the program. */
function lacking(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  return missing.length > 0 && `not on this machine: ${missing.join(', ')}`;
}

/** Runs a program on `input`; its output. */
function run(program: string, args: readonly string[], input: Buffer): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: 64 * 1024 * 1024 });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? stderr.toString()}`);
  return stdout;
}

/** Each codec that this Node has, with the borders of its levels. */
async function* everyWay(type: 'gzip' | 'estargz' | 'zstd'): AsyncGenerator<Buffer> {
  for (const environment of environments) {
    for (const reproducible of [false, true]) {
      for (const level of type === 'zstd' ? [1, 3, 19] : [0, 1, 6, 9]) {
        yield (await compressed(tar, { type, reproducible, level, environment })).bytes;
      }
    }
  }
}

test('gzip reads our gzip and estargz', { skip: lacking('gzip') }, async () => {
  for (const type of ['gzip', 'estargz'] as const) {
    for await (const bytes of everyWay(type)) {
      run('gzip', ['-t'], bytes);
      assert.ok(run('gzip', ['-dc'], bytes).subarray(0, tar.byteLength).equals(tar));
    }
  }
});

test('zstd reads our zstd', { skip: lacking('zstd') }, async () => {
  for await (const bytes of everyWay('zstd')) {
    run('zstd', ['-tq'], bytes);
    assert.ok(run('zstd', ['-dcq'], bytes).equals(tar));
  }
});

test('tar lists our layers', { skip: lacking('tar', 'gzip', 'zstd') }, async () => {
  await using directory = await TemporaryDirectory.create();
  for (const type of compressionTypes) {
    const { bytes } = await compressed(tar, { type });
    await writeFile(directory.join(type), bytes);
    // Without a pause between archives: the table of contents of estargz is a second tar that nobody lists.
    const names = run('tar', ['-tf', directory.join(type)], Buffer.alloc(0)).toString();
    assert.deepEqual(names.trim().split('\n'), ['dir/', 'dir/code', 'dir/noise'], type);
  }
});

test('we read what gzip, pigz and zstd write', { skip: lacking('gzip', 'pigz', 'zstd') }, async () => {
  for (const [program, args] of [
    ['gzip', ['-c']],
    ['gzip', ['-1c']],
    ['pigz', ['-c', '-p', '4']],
    ['pigz', ['-c', '-11', '-b', '4096']],
    ['pigz', ['-c', '-i', '-p', '2']],
    ['zstd', ['-c', '-T0']],
    ['zstd', ['-c', '--no-check', '-1']],
    ['zstd', ['-c', '--ultra', '-22']],
    ['zstd', ['-c', '--long=27']],
  ] as const) {
    assert.ok((await decompressed(run(program, args, tar))).equals(tar), `${program} ${args.join(' ')}`);
  }
});

test("Node's zlib reads our gzip and zstd", async () => {
  const whole = async (options: CompressionOptions): Promise<Buffer> => (await compressed(tar, options)).bytes;
  assert.ok(gunzipSync(await whole({ type: 'gzip' })).equals(tar));
  const native = findNativeZstd() as { zstdDecompressSync?: (bytes: Buffer) => Buffer } | undefined;
  if (native?.zstdDecompressSync === undefined) return;
  for (const reproducible of [false, true]) {
    assert.ok(native.zstdDecompressSync(await whole({ type: 'zstd', reproducible })).equals(tar));
  }
});
