import type { CopyInstruction } from '../dockerfile/ast';
import { isDigest } from '../oci/digest';
import type { DraftEdge } from './graph';
import { parseGitReference } from './git-reference';
import type { CopyAction, GitSource } from './operation';
import { baseName, cleanPath, joinPath, resolvePath } from './posix-path';
import type { StepContext } from './step-context';

/** One thing to copy: where it is, and the settings of the copy that depend on what it is. */
export interface CopyPart {
  readonly edge: DraftEdge | undefined;
  readonly settings: PartSettings;
}

type PartSettings = Pick<
  CopyAction,
  | 'src'
  | 'followSymlink'
  | 'dirCopyContents'
  | 'attemptUnpackDockerCompatibility'
  | 'allowWildcard'
  | 'allowEmptyWildcard'
  | 'includePatterns'
  | 'requiredPaths'
>;

/** A copy of one thing as it is: no wildcards, no unpacking, symbolic links copied as links. */
export function plainPart(edge: DraftEdge | undefined, src: string): CopyPart {
  return {
    edge,
    settings: {
      src,
      followSymlink: false,
      dirCopyContents: false,
      attemptUnpackDockerCompatibility: false,
      allowWildcard: false,
      allowEmptyWildcard: false,
      includePatterns: [],
      requiredPaths: [],
    },
  };
}

export interface CopySourceOptions {
  readonly context: StepContext;
  readonly instruction: CopyInstruction;
  /** Of `--checksum`, expanded; empty for none. */
  readonly checksum: string;
  /** What paths are copied from. */
  readonly from: DraftEdge | undefined;
  /** Name for vertices that fetch something. */
  readonly title: string;
}

/** What one source of COPY or ADD stands for: a git repository, a URL, or a path. Undefined where it is none. */
export function copyPart(source: string, options: CopySourceOptions): CopyPart | undefined {
  const { instruction } = options;
  const git = parseGitReference(source);
  if (git.kind === 'bad') return refuse(options, source, git.message);
  if (git.kind === 'git') {
    return isRemoteAllowed(source, options) ? gitPart(source, git, options) : undefined;
  }
  if (isHttp(source)) return isRemoteAllowed(source, options) ? httpPart(source, options) : undefined;
  if (options.checksum !== '') return refuse(options, source, '--checksum is for URLs and git repositories only');
  return pathPart(source, { edge: options.from, instruction });
}

/** Whether `source` is fetched from somewhere, so that it is no path of the context. */
export function isRemote(source: string): boolean {
  return isHttp(source) || parseGitReference(source).kind === 'git';
}

function isHttp(source: string): boolean {
  return /^https?:\/\//.test(source);
}

function isRemoteAllowed(source: string, options: CopySourceOptions): boolean {
  if (options.instruction.kind === 'ADD') return true;
  refuse(options, source, `COPY cannot fetch ${source}`, 'use ADD');
  return false;
}

function gitPart(
  source: string,
  git: { readonly source: GitSource; readonly keepGitDirGiven: boolean },
  options: CopySourceOptions,
): CopyPart | undefined {
  const { instruction, checksum, context, title } = options;
  const flag = instruction.keepGitDir;
  if (flag !== undefined && git.keepGitDirGiven && flag !== git.source.keepGitDir) {
    return refuse(options, source, '--keep-git-dir and the address say different things');
  }
  if (checksum !== '' && git.source.checksum !== undefined && checksum !== git.source.checksum) {
    return refuse(options, source, '--checksum and the address name different commits');
  }
  const operation: GitSource = {
    ...git.source,
    keepGitDir: git.keepGitDirGiven ? git.source.keepGitDir : (flag ?? false),
    ...(checksum !== '' && { checksum }),
  };
  const edge = context.build.graph.add({ operation, name: title, line: instruction.range.line });
  return plainPart(edge, '/');
}

/** Name of a downloaded file whose URL has no path. */
const unnamedFile = '__unnamed__';

function httpPart(url: string, options: CopySourceOptions): CopyPart | undefined {
  const { instruction, checksum, context, title } = options;
  if (checksum !== '' && !isDigest(checksum)) {
    return refuse(options, url, `--checksum=${checksum} is no digest such as sha256:…`);
  }
  const filename = downloadName(url);
  const operation = { kind: 'http', url, filename, ...(isDigest(checksum) && { checksum }) } as const;
  const edge = context.build.graph.add({ operation, name: title, line: instruction.range.line });
  const part = plainPart(edge, joinPath('/', filename));
  return { edge, settings: { ...part.settings, attemptUnpackDockerCompatibility: instruction.unpack ?? false } };
}

function downloadName(url: string): string {
  const path = URL.canParse(url) ? safeDecode(new URL(url).pathname) : '';
  const name = baseName(path);
  return name === '.' || name === '/' ? unnamedFile : name;
}

function safeDecode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function pathPart(
  path: string,
  { edge, instruction }: { readonly edge: DraftEdge | undefined; readonly instruction: CopyInstruction },
): CopyPart {
  const { src, includePatterns, requiredPaths } = instruction.parents
    ? splitAtPivot(path)
    : { src: path, includePatterns: [], requiredPaths: [] };
  return {
    edge,
    settings: {
      src: cleanPath(resolvePath('/', src)),
      followSymlink: true,
      dirCopyContents: true,
      attemptUnpackDockerCompatibility: instruction.unpack ?? instruction.kind === 'ADD',
      allowWildcard: true,
      allowEmptyWildcard: true,
      includePatterns,
      requiredPaths,
    },
  };
}

/** `--parents`: what comes before `/./` is left behind, the rest keeps its directories. A plain path has to exist. */
function splitAtPivot(path: string): Pick<CopyAction, 'src' | 'includePatterns' | 'requiredPaths'> {
  const pivot = path.indexOf('/./');
  const src = pivot < 0 ? '/' : path.slice(0, pivot);
  const pattern = resolvePath('/', pivot < 0 ? path : path.slice(pivot + 3));
  const isPlain = !hasWildcard(src) && !hasWildcard(pattern);
  return {
    src,
    includePatterns: [pattern.replace(/^\//, '')],
    requiredPaths: isPlain ? [resolvePath('/', joinPath(src, pattern))] : [],
  };
}

function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\[^]/g, ''));
}

/** Says what is wrong with a source; there is nothing to copy then. */
function refuse(options: CopySourceOptions, near: string, message: string, hint?: string): CopyPart | undefined {
  const { context, instruction } = options;
  context.build.reporter.error({ code: 'DOCKERFILE_COPY_SOURCE', message, hint, range: instruction.range, near });
  return undefined;
}
