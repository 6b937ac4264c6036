import { readdirSync } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../../src/testing/repository-root';

const MiB = 1024 * 1024;

/**
 * Writes what layers are made of: half of it a program (this Node), half of it JavaScript (`node_modules`), 64 MiB
 * together. Every machine that installed this repository under the same Node has the same bytes.
 */
export async function writeCorpus(path: string): Promise<number> {
  const halfBytes = 32 * MiB;
  const file = await open(path, 'w');
  try {
    const program = await readFile(process.execPath);
    const written = await append(file, program.subarray(0, halfBytes));
    return written + (await appendSources(file, halfBytes));
  } finally {
    await file.close();
  }
}

async function appendSources(file: FileHandle, maxBytes: number): Promise<number> {
  const modules = join(repositoryRoot(), 'node_modules');
  const names = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.[cm]?[jt]s$/.test(name),
  );
  let bytes = 0;
  for (const name of names.sort()) {
    if (bytes >= maxBytes) break;
    const content = await readFile(join(modules, name)).catch(() => Buffer.alloc(0));
    bytes += await append(file, content.subarray(0, maxBytes - bytes));
  }
  return bytes;
}

async function append(file: FileHandle, bytes: Buffer): Promise<number> {
  await file.writeFile(bytes);
  return bytes.byteLength;
}
