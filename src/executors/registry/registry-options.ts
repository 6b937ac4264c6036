import { isAbsolute, join } from 'node:path';
import type { Diagnostic } from '../../diagnostics/diagnostic';

/** Options of the executor as they stand in the workspace: nothing is checked yet but by Nx's schema. */
export interface RegistryExecutorOptions {
  readonly port?: unknown;
  readonly host?: unknown;
  readonly root?: unknown;
}

export interface RegistrySettings {
  readonly port: number;
  readonly host: string;
  /** Absolute. */
  readonly root: string;
}

export type RegistrySettingsResult =
  | { readonly ok: true; readonly settings: RegistrySettings }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const defaults = { port: 5000, host: '127.0.0.1', root: 'tmp/registry' };
const maxPort = 65_535;

/** Checks all options and fills in what is missing. Reports everything that is wrong at once. */
export function resolveRegistryOptions(
  options: RegistryExecutorOptions,
  workspaceRoot: string,
): RegistrySettingsResult {
  const diagnostics: Diagnostic[] = [];
  const report = (option: keyof RegistryExecutorOptions, message: string, hint: string): void => {
    const location = { file: option };
    diagnostics.push({ code: 'OPTION_INVALID', severity: 'error', message, hint, location });
  };
  const { port = defaults.port, host = defaults.host, root = defaults.root } = options;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > maxPort) {
    report('port', `port ${JSON.stringify(port)} is not a port`, `give a number from 0 to ${maxPort}`);
  }
  if (typeof host !== 'string' || host === '' || /[\s/]/.test(host)) {
    report(
      'host',
      `host ${JSON.stringify(host)} is not an address`,
      'give an address of this machine, such as 127.0.0.1',
    );
  }
  if (typeof root !== 'string' || root === '' || root.includes('\0')) {
    report('root', `root ${JSON.stringify(root)} is not a directory`, 'give a path relative to the workspace');
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const directory = root as string;
  return {
    ok: true,
    settings: {
      port: port as number,
      host: host as string,
      root: isAbsolute(directory) ? directory : join(workspaceRoot, directory),
    },
  };
}
