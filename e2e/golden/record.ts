import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { importCache } from '../../src/cache/import-cache';
import { DirectoryStore } from '../../src/content/directory-store';
import { parseImageIndex } from '../../src/oci/manifest';
import { readGoldenCase, type GoldenCase } from '../../src/testing/golden/case';
import { goldenWithLayers, layOutGolden, type GoldenBuild } from '../testing/golden-build';
import { unpackImage, type ImageFile } from '../testing/image-files';
import { TestRegistry } from '../testing/test-registry';
import { describeImage } from './recorded-image';

// npm run golden:record -- DIR [NAME…]: has the BuildKit of BUILDKIT_HOST build each DIR/NAME (Dockerfile, case.json and
// context/) with buildctl, and writes what it made beside them: expected.json and image.json.

async function main([directory, ...names]: readonly string[]): Promise<void> {
  if (directory === undefined || process.env['BUILDKIT_HOST'] === undefined) {
    throw new Error('usage: BUILDKIT_HOST=ADDRESS npm run golden:record -- DIR [NAME…]');
  }
  const work = await mkdtemp(join(tmpdir(), 'nxrc-record-'));
  const registry = await TestRegistry.start(join(work, 'registry'));
  try {
    await registry.serveLayouts(goldenWithLayers());
    const { files } = await unpackImage(registry.repository('golden/base'), '1');
    const entries = await readdir(resolve(directory), { withFileTypes: true });
    const found = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
    for (const name of names.length === 0 ? found : names) {
      const golden = await readGoldenCase(join(resolve(directory), name));
      const place = await mkdtemp(join(work, `${name}-`));
      await record(golden, { work: place, registry: registry.host, base: files });
      console.log(`recorded ${name}`);
    }
  } finally {
    await registry[Symbol.asyncDispose]();
    await rm(work, { recursive: true, force: true });
  }
}

interface RecordOptions {
  readonly work: string;
  readonly registry: string;
  readonly base: Readonly<Record<string, ImageFile>>;
}

async function record(golden: GoldenCase, { work, registry, base }: RecordOptions): Promise<void> {
  const { real } = await layOutGolden(golden, work, registry);
  await run('buildctl', await buildctlArguments(real, work));
  const cache = new DirectoryStore(join(work, 'cache'));
  const imported = await importCache(cache, await onlyImage(join(work, 'cache')), { name: golden.name });
  if (imported.kind !== 'imported') throw new Error(`${golden.name}: the cache is ${imported.kind}`);
  const records = imported.parts.flatMap(({ config }) =>
    config.records.map(({ digest, inputs, layers }) => ({
      digest,
      ...(inputs.length > 0 && { inputs }),
      result: layers.length > 0,
    })),
  );
  const image = await unpackImage(new DirectoryStore(join(work, 'image')), await onlyImage(join(work, 'image')));
  await writeJson(join(golden.directory, 'expected.json'), { records, preimages: {} });
  await writeJson(join(golden.directory, 'image.json'), describeImage(image, base));
}

async function buildctlArguments(real: GoldenBuild['real'], work: string): Promise<readonly string[]> {
  const args = ['build', '--progress=plain', '--frontend=dockerfile.v0'];
  args.push('--local', `context=${real.context}`, '--local', `dockerfile=${work}`);
  for (const [name, directory] of Object.entries(real.buildContexts ?? {})) {
    args.push('--local', `${name}=${directory}`, '--opt', `context:${name}=local:${name}`);
  }
  for (const [key, value] of Object.entries(real.buildArgs ?? {})) args.push('--opt', `build-arg:${key}=${value}`);
  for (const [id, value] of Object.entries(real.secrets ?? {})) {
    await writeFile(join(work, `secret-${id}`), value);
    args.push('--secret', `id=${id},src=${join(work, `secret-${id}`)}`);
  }
  if (real.target !== undefined) args.push('--opt', `target=${real.target}`);
  if (real.platform !== undefined) args.push('--opt', `platform=${real.platform}`);
  args.push('--output', `type=oci,tar=false,dest=${join(work, 'image')}`);
  args.push('--export-cache', `type=local,mode=max,compression=uncompressed,dest=${join(work, 'cache')}`);
  return args;
}

async function onlyImage(layout: string): Promise<string> {
  const [only] = parseImageIndex(await readFile(join(layout, 'index.json'))).manifests;
  if (only === undefined) throw new Error(`${layout} is empty`);
  return only.digest;
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
}

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', fail);
    child.once('close', (code) => {
      if (code === 0) done();
      else fail(new Error(`${command} ended with ${code}`));
    });
  });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
