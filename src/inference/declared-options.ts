import { posix } from 'node:path';
import type { DeclaredTarget } from './contract';
import { asRecord } from './workspace-projects';

/** What a target's options, as far as they are known before it runs, say about what a build reads. */
export interface DeclaredOptions {
  /** Relative to the workspace root. */
  readonly context: string;
  readonly target: string | undefined;
  /** Undefined values are known only when the target runs. */
  readonly buildArgs: Readonly<Record<string, string | undefined>>;
  /** By name in lower case, as written. */
  readonly buildContexts: Readonly<Record<string, string>>;
  /** Environment variables that options take values from. */
  readonly variables: readonly string[];
}

/** Options that say where an image goes and not what is in it: their variables change no image. */
const placeOptions: ReadonlySet<string> = new Set([
  'tags',
  'cache',
  'untrustedCache',
  'cacheAccess',
  'trust',
  'verify',
  'explain',
  'dryRun',
  'cacheFrom',
  'cacheTo',
  'outputs',
  'metadataFile',
  'imageFile',
  'insecureRegistries',
  'stateDir',
  'progress',
  'engine',
]);

const variablePattern = /(?<!\\)(?:\{env\.([A-Za-z_]\w*)\}|\$\{([A-Za-z_]\w*)(?::-[^}]*)?\}|\$([A-Za-z_]\w*))/g;

/** Reads the plugin's `options` overlaid with those of the project's own target. */
export function readDeclaredOptions(
  common: Readonly<Record<string, unknown>>,
  declared: DeclaredTarget | undefined,
  projectRoot: string,
): DeclaredOptions {
  const options = { ...common, ...declared?.options };
  const text = (key: string): string | undefined => (typeof options[key] === 'string' ? options[key] : undefined);
  const context = text('context') ?? '.';
  const target = text('target');
  const buildArgs = readBuildArgs(options['buildArgs']);
  const variables = new Set(buildArgs.variables);
  for (const [key, value] of Object.entries(options)) {
    if (placeOptions.has(key)) continue;
    for (const [, ...names] of JSON.stringify(value ?? null).matchAll(variablePattern)) {
      for (const name of names as (string | undefined)[]) if (name !== undefined) variables.add(name);
    }
  }
  return {
    context: fromWorkspaceRoot(context, projectRoot),
    // A stage that only the run knows may be any.
    target: target === undefined || hasTokens(target) ? undefined : target,
    buildArgs: buildArgs.values,
    buildContexts: Object.fromEntries(
      Object.entries(asRecord(options['buildContexts'])).flatMap(([name, value]) =>
        typeof value === 'string' ? [[name.toLowerCase(), value]] : [],
      ),
    ),
    variables: [...variables].sort(),
  };
}

/** A path in an option as one from the workspace root; up to the first token, where only the run knows it. */
export function fromWorkspaceRoot(path: string, projectRoot: string): string {
  const resolved = path.replace(/^\{workspaceRoot\}\/?/, './').replaceAll('{projectRoot}', projectRoot);
  const names = posix.normalize(resolved).split('/');
  const first = names.findIndex(hasTokens);
  const clean = names
    .slice(0, first < 0 ? names.length : first)
    .join('/')
    .replace(/\/+$/, '');
  return clean === '' ? '.' : clean;
}

function readBuildArgs(option: unknown): {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly variables: readonly string[];
} {
  const values: Record<string, string | undefined> = {};
  const variables: string[] = [];
  const set = (key: string, value: string): void => void (values[key] = hasTokens(value) ? undefined : value);
  if (Array.isArray(option)) {
    for (const item of option as unknown[]) {
      const [, key = '', value] = /^([^=]+)(?:=([^]*))?$/.exec(typeof item === 'string' ? item : '') ?? [];
      if (value !== undefined) set(key, value);
      else if (key !== '') {
        values[key] = undefined;
        variables.push(key);
      }
    }
  } else {
    for (const [key, value] of Object.entries(asRecord(option))) {
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') set(key, String(value));
    }
  }
  return { values, variables };
}

function hasTokens(text: string): boolean {
  return /[{}$\\]/.test(text);
}
