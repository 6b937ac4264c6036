import { readFile, readdir } from 'node:fs/promises';

/** Command lines of processes that mention any of the texts; this one and those that are gone are left out. */
export async function processesWith(...texts: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (texts.some((text) => line.includes(text))) found.push(line);
  }
  return found;
}
