import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostEnvironment, requireTool } from './host-command';
import type { Launch, LaunchRequest } from './launch';
import { ociConfig } from './oci-config';

/** Runs the command by an OCI runtime: writes a bundle and gives the command line for it. */
export function launchByOciRuntime(runtime: 'crun' | 'runc', request: LaunchRequest): Launch {
  const program = requireTool(request.tools, runtime);
  const bundle = join(request.directory, 'bundle');
  const log = join(request.directory, 'runtime.log');
  mkdirSync(bundle, { mode: 0o700 });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(request)));
  const general = [
    ...['--root', join(request.directory, 'state'), '--log', log, '--log-format', 'json'],
    ...(runtime === 'crun' ? ['--cgroup-manager', 'disabled'] : []),
  ];
  const call = (...args: string[]): void => {
    spawnSync(program, [...general, ...args, request.name], { stdio: 'ignore', env: hostEnvironment });
  };
  return {
    program,
    args: [...general, 'run', '--bundle', bundle, request.name],
    failure: () => firstError(log),
    kill: (_child, signal) => {
      spawnSync(program, [...general, 'kill', request.name, signal], { stdio: 'ignore', env: hostEnvironment });
    },
    cleanUp: () => call('delete', '--force'),
  };
}

/** The first message of level `error` in a runtime's log of JSON lines. */
function firstError(log: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(log, 'utf8');
  } catch {
    return undefined;
  }
  for (const line of text.split('\n')) {
    try {
      const { level, msg } = JSON.parse(line) as { readonly level?: string; readonly msg?: string };
      if (msg !== undefined && (level === undefined || level === 'error')) return msg;
    } catch {
      continue;
    }
  }
  return undefined;
}
