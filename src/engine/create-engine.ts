import { homedir } from 'node:os';
import { createSandbox } from '../builder/sandbox/create-sandbox';
import type { CallOptions } from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import { BuildKitEngine } from './buildkit/buildkit-engine';
import { findBuilder, type FoundBuilder } from './buildkit/find-builder';
import type { Engine } from './contract';
import { EmbeddedEngine } from './embedded/embedded-engine';

export interface CreateEngineOptions extends CallOptions {
  readonly choice: 'auto' | 'embedded' | 'buildkit';
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly stateDirectory: string;
  /** Name of a builder of buildx; default the current one. */
  readonly builder?: string;
}

/**
 * The engine that a build asked for. `auto` is BuildKit where a builder answers that can export caches, and else the
 * embedded one. Never fails for want of a BuildKit: that is told when it is to build.
 */
export async function createEngine(options: CreateEngineOptions): Promise<Engine> {
  const { choice, env, builder } = options;
  const named = builder === undefined ? {} : { builder };
  switch (choice) {
    case 'buildkit':
      return new BuildKitEngine({ env, ...named });
    case 'embedded':
      return embedded(options);
    case 'auto': {
      const found = await tryFindBuilder({ env, ...named, ...(options.signal && { signal: options.signal }) });
      return found ? new BuildKitEngine({ env, ...named, found }) : embedded(options);
    }
  }
}

async function tryFindBuilder(options: Parameters<typeof findBuilder>[0]): Promise<FoundBuilder | undefined> {
  try {
    const found = await findBuilder(options);
    return found.kind === 'buildctl' || found.isComplete ? found : undefined;
  } catch (error) {
    // A builder that was named is wanted, so its absence is no reason to take another engine.
    if (options.builder === undefined && isCodedError(error, 'BUILDKIT_UNAVAILABLE')) return undefined;
    throw error;
  }
}

function embedded({ stateDirectory, env }: CreateEngineOptions): Engine {
  return new EmbeddedEngine({
    stateDirectory,
    env,
    homeDirectory: homedir(),
    now: Date.now,
    createSandbox: (directory, layers) => createSandbox({ stateDirectory: directory, layers }),
  });
}
