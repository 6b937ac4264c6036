import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError } from '../diagnostics/coded-error';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** The address cannot be listened on. */
    REGISTRY_SERVER_ADDRESS: { readonly host: string; readonly port: number };
    /** The directory cannot be made or written. */
    REGISTRY_SERVER_ROOT: { readonly root: string };
  }
}

/** Makes the directory that is served, with those above it, and sees that it can be written. Fails with `REGISTRY_SERVER_ROOT`. */
export async function openRoot(root: string): Promise<void> {
  try {
    await makeDirectory(root);
    await access(root, constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `the registry cannot keep its content in ${root}: ${reasonOf(error)}`;
    throw new CodedError('REGISTRY_SERVER_ROOT', message, { root }, { cause: error, hint: 'name another directory' });
  }
}

/** `recursive: true` of Node 20 never ends in file systems that refuse directories with ENOENT, as /proc does. */
async function makeDirectory(path: string): Promise<void> {
  const make = async (): Promise<void> => {
    await mkdir(path).catch(async (error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
      // Fails with ENOTDIR for a file.
      await access(`${path}/.`);
    });
  };
  try {
    await make();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await make();
  }
}

/** What is told where listening failed. */
export function cannotListen(host: string, port: number, cause: unknown): CodedError<'REGISTRY_SERVER_ADDRESS'> {
  const message = `the registry cannot listen on ${host}:${port}: ${reasonOf(cause)}`;
  const hint = hints[codeOf(cause) ?? ''];
  return new CodedError(
    'REGISTRY_SERVER_ADDRESS',
    message,
    { host, port },
    { cause, ...(hint !== undefined && { hint }) },
  );
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'it is no directory',
  ENOENT: 'no directory can be made there',
  ENOTFOUND: 'no such host',
};

const hints: Readonly<Record<string, string | undefined>> = {
  EADDRINUSE: 'stop what listens there, or take another port; 0 takes any free one',
  EADDRNOTAVAIL: 'such as 127.0.0.1',
  EACCES: 'ports below 1024 are for root; take a higher one',
};

function reasonOf(error: unknown): string {
  return reasons[codeOf(error) ?? ''] ?? (error instanceof Error ? error.message : String(error));
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
