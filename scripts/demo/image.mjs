import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../support/process.mjs';

/**
 * Pulls an image and unpacks its layers, in order, into `directory`.
 *
 * @returns the image's config and the names in its layers.
 */
export async function unpackImage(registry, repository, tag, directory) {
  const manifest = await registry.manifest(repository, tag);
  const pull = async ({ digest }) => {
    const bytes = await registry.blob(repository, digest);
    const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (actual !== digest) throw new Error(`${digest} of ${repository} has other bytes: ${actual}`);
    return bytes;
  };
  const config = JSON.parse(await pull(manifest.config));
  await mkdir(directory, { recursive: true });
  const names = [];
  for (const [index, layer] of manifest.layers.entries()) {
    const archive = join(directory, `../layer-${index}.tar.gz`);
    await writeFile(archive, await pull(layer));
    names.push(...(await tar('-tvzf', archive)).split('\n').filter(Boolean));
    await tar('-xzf', archive, '-C', directory, '--no-same-owner');
  }
  return { config, names };
}

async function tar(...args) {
  const { code, output } = await run('tar', args, { capture: true });
  if (code !== 0) throw new Error(`tar ${args.join(' ')}: ${output}`);
  return output;
}
