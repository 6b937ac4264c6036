import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RealBuildKit } from './real-buildkit';

/**
 * Whether the BuildKit at hand survives writing a layer as estargz. A daemon of its own tries, since one that does not
 * takes everything with it. True for a builder that somebody else runs: it is not ours to kill.
 */
export async function canWriteEstargz(directory: string): Promise<boolean> {
  if (process.env['NXRC_E2E_BUILDER']) return true;
  const probe = await RealBuildKit.open();
  if (typeof probe === 'string') return false;
  const context = join(directory, 'estargz-probe');
  await mkdir(context, { recursive: true });
  await writeFile(join(context, 'file'), 'text\n');
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY file /\n');
  const cache = `type=local,dest=${join(directory, 'estargz-cache')},compression=estargz,force-compression=true`;
  try {
    await probe.build({ context, cacheTo: [cache] });
    return true;
  } catch (error) {
    // Anything but a connection that broke is not what is being looked for.
    if (error instanceof Error && /\bEOF\b|Cannot connect/.test(error.message)) return false;
    throw error;
  } finally {
    await probe[Symbol.asyncDispose]();
  }
}
