import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Diagnostic } from '../diagnostics/diagnostic';

/** What the command line asks for. */
export interface ServeArguments {
  readonly port: number;
  /** Absolute. */
  readonly root: string;
  readonly host: string;
  /** Print each request. */
  readonly log: boolean;
}

export type ServeArgumentsResult =
  | { readonly ok: true; readonly value: ServeArguments }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export const serveUsage = 'usage: serve-registry --root DIR [--port N] [--host ADDRESS] [--log]';

const defaultPort = 5000;
const maxPort = 65_535;

/**
 * Reads `--port N --root DIR --host ADDRESS --log`. `--root` is relative to `cwd`; the port is 5000 and the host `127.0.0.1`
 * unless given. Reports everything that is wrong at once.
 */
export function parseServeArguments(args: readonly string[], cwd: string): ServeArgumentsResult {
  const diagnostics: Diagnostic[] = [];
  const report = (message: string, hint?: string): void => {
    diagnostics.push({
      code: 'SERVE_REGISTRY_ARGUMENT',
      severity: 'error',
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  const { values, tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: {
      port: { type: 'string' },
      root: { type: 'string' },
      host: { type: 'string' },
      log: { type: 'boolean' },
    },
  });
  for (const token of tokens) {
    if (token.kind === 'positional') report(`unexpected argument "${token.value}"`);
    if (token.kind === 'option' && !['port', 'root', 'host', 'log'].includes(token.name)) {
      report(`unknown option ${token.rawName}`, 'the options are --port, --root, --host and --log');
    }
  }
  const text = (name: 'port' | 'root' | 'host'): string | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value !== '') return value;
    report(`--${name} needs a value`);
    return undefined;
  };
  const port = text('port');
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= maxPort)) {
    report(`--port ${port} is not a port`, `give a number from 0 to ${maxPort}; 0 takes any free port`);
  }
  const root = text('root');
  if (values.root === undefined) report('--root is missing', 'name the directory that holds the registry');
  const host = text('host');
  if (typeof values.log === 'string') report('--log takes no value');
  if (diagnostics.length > 0 || root === undefined) return { ok: false, diagnostics };
  return {
    ok: true,
    value: {
      port: Number(port ?? defaultPort),
      root: resolve(cwd, root),
      host: host ?? '127.0.0.1',
      log: values.log === true,
    },
  };
}
