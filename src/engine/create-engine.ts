import { homedir } from 'node:os';
import { createSandbox } from '../builder/sandbox/create-sandbox';
import type { Engine } from './contract';
import { EmbeddedEngine } from './embedded/embedded-engine';

export interface CreateEngineOptions {
  readonly choice: 'auto' | 'embedded' | 'buildkit';
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly stateDirectory: string;
}

/** The engine that a build asked for. `auto` is the embedded one as long as there is no other. */
export function createEngine(options: CreateEngineOptions): Engine {
  return new EmbeddedEngine({
    stateDirectory: options.stateDirectory,
    env: options.env,
    homeDirectory: homedir(),
    now: Date.now,
    createSandbox: (directory, layers) => createSandbox({ stateDirectory: directory, layers }),
  });
}
