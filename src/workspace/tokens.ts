import { nearestWord } from '../diagnostics/nearest-word';
import type { GitState } from './git';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { projectSlug } from './project-image-name';

const tokenNames = [
  'projectName',
  'projectSlug',
  'projectRoot',
  'workspaceRoot',
  'hash',
  'sha',
  'shortSha',
  'branch',
] as const;

const shortShaCharacters = 7;

/**
 * An escaped character, `{token}`, `${NAME}` with an optional `:-default`, or `$NAME`. Braces around anything that does
 * not look like a token, such as JSON in a label, stay as they are.
 */
const pattern =
  /\\[{$]|\{(?<token>[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)\}|\$\{(?<braced>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^}]*))?\}|\$(?<bare>[A-Za-z_][A-Za-z0-9_]*)/g;

export interface TokenSources {
  readonly invocation: Invocation;
  /** Asked only if a token needs it. */
  readonly git: () => GitState;
}

/**
 * Replaces tokens in every string of `value`, however deep: `{projectName}`, `{projectSlug}` (fit for an image
 * name), `{projectRoot}`, `{workspaceRoot}`, `{hash}` (Nx's hash of the task), `{sha}`, `{shortSha}`, `{branch}` (fit for a tag), and environment variables as `{env.NAME}`,
 * `$NAME`, `${NAME}` or `${NAME:-default}`. `\{` and `\$` stand for the bare character. An unknown token and an unset
 * variable are mistakes.
 */
export function replaceTokens<T>(value: T, sources: TokenSources, mistakes: Mistakes): T {
  return replaceIn(value, '', sources, mistakes) as T;
}

function replaceIn(value: unknown, option: string, sources: TokenSources, mistakes: Mistakes): unknown {
  if (typeof value === 'string') return replaceInText(value, option, sources, mistakes);
  if (Array.isArray(value)) {
    return value.map((item, index) => replaceIn(item, `${option}[${index}]`, sources, mistakes));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      replaceIn(item, option === '' ? key : `${option}.${key}`, sources, mistakes),
    ]),
  );
}

function replaceInText(text: string, option: string, sources: TokenSources, mistakes: Mistakes): string {
  return text.replace(pattern, (match: string, ...rest: unknown[]) => {
    if (match.startsWith('\\')) return match.slice(1);
    const groups = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    const variable = groups['braced'] ?? groups['bare'];
    if (variable !== undefined) return readVariable(variable, groups['fallback'], option, sources, mistakes);
    return readToken(groups['token'] ?? '', option, sources, mistakes);
  });
}

function readVariable(
  name: string,
  fallback: string | undefined,
  option: string,
  { invocation }: TokenSources,
  mistakes: Mistakes,
): string {
  const value = invocation.env[name];
  if (value !== undefined && (value !== '' || fallback === undefined)) return value;
  if (fallback !== undefined) return fallback;
  mistakes.add(
    'OPTION_UNKNOWN_TOKEN',
    option,
    `environment variable ${name} is not set`,
    `set it, or write \${${name}:-default}; \\$ is a plain dollar sign`,
  );
  return '';
}

function readToken(token: string, option: string, sources: TokenSources, mistakes: Mistakes): string {
  const { invocation } = sources;
  if (token.startsWith('env.')) return readVariable(token.slice('env.'.length), undefined, option, sources, mistakes);
  const missing = (reason: string): string => {
    mistakes.add('OPTION_UNKNOWN_TOKEN', option, `{${token}} has no value: ${reason}`);
    return '';
  };
  switch (token) {
    case 'projectName':
      return invocation.projectName;
    case 'projectSlug':
      return projectSlug(invocation.projectName);
    case 'projectRoot':
      return invocation.projectRoot;
    case 'workspaceRoot':
      return invocation.workspaceRoot;
    case 'hash':
      return invocation.env['NX_TASK_HASH'] ?? missing('Nx gave no task hash (NX_TASK_HASH)');
    case 'sha':
      return sources.git().sha ?? missing('the workspace has no git commit');
    case 'shortSha':
      return sources.git().sha?.slice(0, shortShaCharacters) ?? missing('the workspace has no git commit');
    case 'branch':
      return sources.git().branch ?? missing('no branch is checked out, and no CI variable names one');
    default: {
      const nearest = nearestWord(token, tokenNames);
      const hint =
        nearest === undefined
          ? `one of ${tokenNames.map((name) => `{${name}}`).join(', ')}, {env.NAME}`
          : `did you mean {${nearest}}?`;
      mistakes.add('OPTION_UNKNOWN_TOKEN', option, `unknown token {${token}}`, `${hint}; \\{ is a plain brace`);
      return '';
    }
  }
}
