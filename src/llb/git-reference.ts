import type { GitSource } from './operation';
import { joinPath } from './posix-path';

export type GitReference =
  | { readonly kind: 'git'; readonly source: GitSource; readonly keepGitDirGiven: boolean }
  /** Something else: a path, a URL of a file. */
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly message: string };

interface GitAddress {
  readonly url: string;
  readonly fragment: string;
  readonly query: URLSearchParams;
}

const scpAddress = /^([\w-]+@[a-zA-Z0-9.-]+:.*?)(?:\?(.*?))?(?:#(.*))?$/;
const urlAddress = /^((https?|ssh|git):\/\/[^?#]*)(?:\?([^#]*))?(?:#(.*))?$/i;

/**
 * Reads the address of a git repository as ADD and build contexts take it: `git@host:path`, `git://`, `ssh://`, or an
 * HTTP URL whose path ends in `.git`; then `#ref:subdirectory` or a query (`?branch=…&subdir=…`).
 */
export function parseGitReference(text: string): GitReference {
  if (/^\.\.?\//.test(text)) return { kind: 'none' };
  const address = splitAddress(text);
  if (address === undefined) return { kind: 'none' };
  const attributes = new GitAttributes(address.fragment);
  const problem = attributes.readQuery(address.query);
  if (problem !== undefined) return { kind: 'bad', message: `"${address.url}": ${problem}` };
  return {
    kind: 'git',
    source: attributes.toSource(address.url),
    keepGitDirGiven: attributes.keepGitDir !== undefined,
  };
}

function splitAddress(text: string): GitAddress | undefined {
  const url = urlAddress.exec(text);
  if (url !== null) {
    const [, remote = '', scheme = '', query = '', fragment = ''] = url;
    const isHttp = scheme.toLowerCase().startsWith('http');
    if (isHttp && !remote.endsWith('.git')) return undefined;
    return { url: remote, fragment, query: new URLSearchParams(query) };
  }
  const scp = scpAddress.exec(text);
  if (scp === null) return undefined;
  return { url: scp[1] ?? '', fragment: scp[3] ?? '', query: new URLSearchParams(scp[2] ?? '') };
}

class GitAttributes {
  keepGitDir: boolean | undefined;
  #ref: string;
  #subdirectory: string;
  #checksum: string | undefined;
  #submodules: boolean | undefined;
  #commitTimes = false;
  #fetchByCommit = false;

  constructor(fragment: string) {
    const [ref, subdirectory] = splitOnce(fragment, ':');
    this.#ref = ref;
    this.#subdirectory = joinPath('/', subdirectory).slice(1);
  }

  /** What is wrong with the query, or undefined. */
  readQuery(query: URLSearchParams): string | undefined {
    for (const key of new Set(query.keys())) {
      const [value = '', ...more] = query.getAll(key);
      if (more.length > 0) return `"${key}" is given more than once`;
      const problem = this.#set(key, value);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  toSource(url: string): GitSource {
    return {
      kind: 'git',
      url,
      ...(this.#ref !== '' && { ref: this.#ref }),
      ...(this.#subdirectory !== '' && { subdirectory: this.#subdirectory }),
      keepGitDir: this.keepGitDir ?? false,
      ...(this.#checksum !== undefined && { checksum: this.#checksum }),
      ...(this.#submodules === false && { skipSubmodules: true }),
      ...(this.#commitTimes && { commitTimes: true }),
      ...(this.#fetchByCommit && { fetchByCommit: true }),
    };
  }

  #set(key: string, value: string): string | undefined {
    switch (key) {
      case 'keep-git-dir':
      case 'submodules':
      case 'fetch-by-commit':
        return this.#setFlag(key, value);
      case 'ref':
      case 'tag':
      case 'branch':
        return value === '' ? `"${key}" has no value` : this.#setRef(key, value);
      case 'subdir':
        if (this.#subdirectory !== '' && this.#subdirectory !== value) return 'two different subdirectories';
        this.#subdirectory = value;
        return undefined;
      case 'checksum':
      case 'commit':
        if (value === '') return `"${key}" has no value`;
        this.#checksum = value;
        return undefined;
      case 'mtime':
        this.#commitTimes = value === 'commit';
        return value === 'commit' || value === 'checkout' ? undefined : `"mtime" is "${value}", not checkout or commit`;
      default:
        return `"${key}" is not known`;
    }
  }

  #setFlag(key: 'keep-git-dir' | 'submodules' | 'fetch-by-commit', text: string): string | undefined {
    const value = parseFlag(text);
    if (value === undefined) return `"${key}" is "${text}", not true or false`;
    if (key === 'keep-git-dir') this.keepGitDir = value;
    else if (key === 'submodules') this.#submodules = value;
    else this.#fetchByCommit = value;
    return undefined;
  }

  #setRef(key: 'ref' | 'tag' | 'branch', value: string): string | undefined {
    const prefix = { ref: '', tag: 'refs/tags/', branch: 'refs/heads/' }[key];
    const ref = value.startsWith(prefix) ? value : prefix + value;
    if (this.#ref !== '' && this.#ref !== ref) return `two different refs, "${this.#ref}" and "${ref}"`;
    this.#ref = ref;
    return undefined;
  }
}

function parseFlag(text: string): boolean | undefined {
  if (/^(?:|1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : undefined;
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + separator.length)];
}
