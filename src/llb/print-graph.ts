import { unreachable } from '../diagnostics/unreachable';
import { formatPlatform } from '../oci/platform';
import { formatReference } from '../oci/reference';
import type {
  Edge,
  ExecMount,
  ExecOperation,
  FileAction,
  FileOwner,
  GitSource,
  Operation,
  UserIdentity,
  Vertex,
} from './operation';

/**
 * The graph below `root` as text, inputs before what uses them, for people: `--dry-run` and tests. Each vertex has a
 * number; `#3` is its first output, `#3.1` its second.
 */
export function printGraph(root: Edge | undefined): string {
  if (root === undefined) return 'scratch\n';
  const numbers = new Map<Vertex, number>();
  const lines: string[] = [];
  const visit = (vertex: Vertex): void => {
    if (numbers.has(vertex)) return;
    for (const input of vertex.inputs) visit(input.vertex);
    numbers.set(vertex, numbers.size + 1);
    lines.push(...printVertex(vertex, numbers));
  };
  visit(root.vertex);
  return [...lines, `=> ${printEdge(root, numbers)}`, ''].join('\n');
}

type Numbers = ReadonlyMap<Vertex, number>;

function printVertex(vertex: Vertex, numbers: Numbers): readonly string[] {
  const inputs = vertex.inputs.map((input) => printEdge(input, numbers));
  const head = [`#${numbers.get(vertex) ?? 0}`, vertex.name, ...(vertex.ignoreCache ? ['(no cache)'] : [])].join(' ');
  return [
    head,
    ...(inputs.length > 0 ? [`   inputs ${inputs.join(' ')}`] : []),
    ...printOperation(vertex.operation).map((line) => `   ${line}`),
  ];
}

function printEdge({ vertex, output }: Edge, numbers: Numbers): string {
  return `#${numbers.get(vertex) ?? 0}${output === 0 ? '' : `.${output}`}`;
}

function printOperation(operation: Operation): readonly string[] {
  switch (operation.kind) {
    case 'image': {
      const { reference, platform, manifest } = operation;
      return [words('image', formatReference(reference), formatPlatform(platform), manifest.digest)];
    }
    case 'local': {
      const { name, excludePatterns, followPaths } = operation;
      return [
        words('local', name),
        ...(followPaths === undefined ? [] : [words('  only', list(followPaths))]),
        ...(excludePatterns.length === 0 ? [] : [words('  without', list(excludePatterns))]),
      ];
    }
    case 'http':
      return [words('http', operation.url, `as ${operation.filename}`, operation.checksum)];
    case 'git':
      return [printGit(operation)];
    case 'file':
      return operation.actions.map(printAction);
    case 'exec':
      return printExec(operation);
    case 'merge':
      return [words('merge', list(operation.inputs))];
    default:
      return unreachable(operation);
  }
}

function printGit(source: GitSource): string {
  const { url, ref, subdirectory, checksum, keepGitDir, skipSubmodules, commitTimes } = source;
  return words(
    'git',
    url,
    option('ref', ref),
    option('subdirectory', subdirectory),
    option('checksum', checksum),
    keepGitDir && 'with .git',
    skipSubmodules && 'without submodules',
    commitTimes && "with the commit's times",
  );
}

function printAction(action: FileAction): string {
  const target = `${index(action.input)}${action.kind === 'copy' ? ` + ${index(action.secondaryInput)}` : ''}:`;
  switch (action.kind) {
    case 'mkdir':
      return words('mkdir', target, text(action.path), mode(action.mode), owner(action.owner), time(action.timestamp));
    case 'mkfile': {
      const { path, data, timestamp } = action;
      return words(
        'mkfile',
        target,
        text(path),
        mode(action.mode),
        `${data.length} bytes`,
        owner(action.owner),
        time(timestamp),
      );
    }
    case 'rm':
      return words('rm', target, text(action.path));
    case 'copy': {
      const { src, dest, modeString, includePatterns, excludePatterns, timestamp } = action;
      return words(
        'copy',
        target,
        text(src),
        '->',
        text(dest),
        modeString === undefined ? mode(action.mode) : `mode ${modeString}`,
        owner(action.owner),
        action.attemptUnpackDockerCompatibility && 'unpack',
        includePatterns.length > 0 && `include ${list(includePatterns)}`,
        excludePatterns.length > 0 && `exclude ${list(excludePatterns)}`,
        time(timestamp),
      );
    }
    default:
      return unreachable(action);
  }
}

function printExec(operation: ExecOperation): readonly string[] {
  const { args, cwd, user, network, security, env, mounts, secretEnv, extraHosts } = operation;
  return [
    words('run', list(args)),
    words('  in', text(cwd), option('user', user), network !== 'default' && `network ${network}`),
    ...(security === 'sandbox' ? [] : ['  insecure']),
    ...env.map((entry) => words('  env', text(entry))),
    ...secretEnv.map(({ id, name }) => words('  env', name, 'from secret', id)),
    ...extraHosts.map(({ host, ip }) => words('  host', host, ip)),
    ...mounts.map(printMount),
  ];
}

function printMount(mount: ExecMount): string {
  const { type, dest, input, selector, readOnly, output, cache, tmpfs } = mount;
  return words(
    `  ${type}`,
    text(dest),
    input >= 0 && `from ${index(input)}${selector}`,
    readOnly && 'read-only',
    output >= 0 && `is output ${output}`,
    cache && `id ${cache.id} ${cache.sharing}`,
    tmpfs && tmpfs.sizeBytes > 0 && `${tmpfs.sizeBytes} bytes`,
    option('id', (mount.secret ?? mount.ssh)?.id),
  );
}

function index(input: number): string {
  return input < 0 ? 'scratch' : `[${input}]`;
}

function mode(value: number): string {
  return value < 0 ? '' : `mode ${value.toString(8).padStart(4, '0')}`;
}

function owner(value: FileOwner | undefined): string {
  if (value === undefined) return '';
  const name = (identity: UserIdentity | undefined): string =>
    identity === undefined ? '' : 'id' in identity ? String(identity.id) : identity.name;
  return `owner ${name(value.user)}:${name(value.group)}`;
}

function time(timestamp: bigint): string {
  return timestamp < 0n ? '' : `time ${timestamp}`;
}

function option(name: string, value: string | undefined): string {
  return value === undefined || value === '' ? '' : `${name} ${value}`;
}

/** As it is where that is plain, else quoted. */
function text(value: string): string {
  return /^[\w./:=@+*?-]+$/.test(value) ? value : JSON.stringify(value);
}

function list(values: readonly (string | number)[]): string {
  return JSON.stringify(values);
}

function words(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== '' && part !== false && part !== undefined).join(' ');
}
