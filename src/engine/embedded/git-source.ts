import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CallOptions } from '../../content/contract';
import { CodedError } from '../../diagnostics/coded-error';
import type { GitSource } from '../../llb/operation';
import type { GitIdentity } from '../../solver/contract';
import { redactText } from '../../transport/redact';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    GIT_SOURCE_FAILED: { readonly url: string };
  }
}

const run = promisify(execFile);
const commitPattern = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
const maxListingBytes = 64 * 1024 * 1024;
/** Of git's own words. */
const maxReasonCharacters = 300;

export interface GitOptions {
  readonly temporaryDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Asks the remote what a ref stands for, as BuildKit does: `git ls-remote`, annotated tags peeled. */
export async function resolveGit(source: GitSource, options: GitOptions & CallOptions): Promise<GitIdentity> {
  const wanted = source.ref ?? 'HEAD';
  if (commitPattern.test(wanted)) return { commit: wanted, ref: '' };
  const listing = await git(['ls-remote', '--symref', '--', source.url, wanted, `${wanted}^{}`], source, options);
  const byRef = new Map<string, string>();
  let symbolic: string | undefined;
  for (const line of listing.split('\n')) {
    const [value = '', ref = ''] = line.split('\t');
    if (value.startsWith('ref: ')) symbolic = value.slice('ref: '.length);
    else if (commitPattern.test(value)) byRef.set(ref, value);
  }
  for (const ref of [wanted, `refs/tags/${wanted}`, `refs/heads/${wanted}`, `refs/${wanted}`]) {
    const commit = byRef.get(ref);
    if (commit === undefined) continue;
    const peeled = source.keepGitDir ? undefined : byRef.get(`${ref}^{}`);
    return { commit: peeled ?? commit, ref: ref === 'HEAD' ? (symbolic ?? ref) : ref };
  }
  throw failed(source, `the remote has no "${wanted}"`);
}

/**
 * Checks a commit out into a new directory below `temporaryDirectory` and gives it to `use`; removed afterwards. A
 * `checksum` has to be the commit or its beginning.
 */
export async function withCheckout<T>(
  source: GitSource,
  options: GitOptions & CallOptions & { readonly identity: GitIdentity },
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const { identity } = options;
  if (source.checksum !== undefined && !identity.commit.startsWith(source.checksum)) {
    throw failed(source, `its commit is ${identity.commit}, not ${source.checksum}`);
  }
  const directory = await mkdtemp(join(options.temporaryDirectory, 'git-'));
  try {
    const inside = ['-C', directory];
    await git(['init', '--quiet', '--', directory], source, options);
    await git([...inside, 'remote', 'add', 'origin', source.url], source, options);
    const fetch = (...refs: readonly string[]) =>
      git([...inside, 'fetch', '--quiet', '--depth=1', '--no-tags', 'origin', ...refs], source, options);
    // Servers may refuse a bare commit; then its ref, or in the end everything, has to be fetched.
    await fetch(identity.commit).catch(() =>
      identity.ref === ''
        ? git([...inside, 'fetch', '--quiet', 'origin'], source, options)
        : fetch(`${identity.ref}:refs/nxrc/wanted`),
    );
    await git([...inside, '-c', 'advice.detachedHead=false', 'checkout', '--quiet', identity.commit], source, options);
    await git([...inside, 'submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1'], source, options);
    if (!source.keepGitDir) await rm(join(directory, '.git'), { recursive: true });
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function git(args: readonly string[], source: GitSource, options: GitOptions & CallOptions): Promise<string> {
  try {
    const { stdout } = await run('git', ['-c', 'core.hooksPath=/dev/null', '-c', 'protocol.ext.allow=never', ...args], {
      // A prompt would hang a build that nobody watches.
      env: { ...options.env, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' },
      maxBuffer: maxListingBytes,
      ...(options.signal && { signal: options.signal }),
    });
    return stdout;
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw failed(source, reasonOf(cause));
  }
}

/** What git said. Node's own error would repeat the command, and with it the password in a URL. */
function reasonOf(error: unknown): string {
  const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: unknown };
  if (code === 'ENOENT') return 'git is not installed (it is not on PATH)';
  const lines = typeof stderr === 'string' ? stderr.split('\n').filter((line) => line.trim() !== '') : [];
  const said = lines.findLast((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1);
  return said === undefined ? 'git failed' : redactText(said).slice(0, maxReasonCharacters);
}

function failed(source: GitSource, reason: string): CodedError<'GIT_SOURCE_FAILED'> {
  const url = source.url.replace(/\/\/[^/@]*@/, '//');
  return new CodedError('GIT_SOURCE_FAILED', `cannot use git repository ${url}: ${reason}`, { url });
}
