import type { CopyAction, FileAction, MkdirAction, MkfileAction, RmAction } from '../../llb/operation';

/** Base in input 0, source in input 1; the action's result is the output. */
const place = { input: 0, secondaryInput: 1, output: 0 };

/** A copy with the settings that the Dockerfile frontend gives to COPY. */
export function copyAction(src: string, dest: string, options: Partial<CopyAction> = {}): CopyAction {
  return {
    kind: 'copy',
    ...place,
    src,
    dest,
    mode: -1,
    followSymlink: true,
    dirCopyContents: true,
    attemptUnpackDockerCompatibility: false,
    createDestPath: true,
    allowWildcard: true,
    allowEmptyWildcard: true,
    alwaysReplaceExistingDestPaths: false,
    includePatterns: [],
    excludePatterns: [],
    requiredPaths: [],
    timestamp: -1n,
    ...options,
  };
}

export function mkdirAction(path: string, options: Partial<MkdirAction> = {}): MkdirAction {
  return {
    kind: 'mkdir',
    ...place,
    secondaryInput: -1,
    path,
    mode: 0o755,
    makeParents: true,
    timestamp: -1n,
    ...options,
  };
}

export function mkfileAction(path: string, text: string, options: Partial<MkfileAction> = {}): MkfileAction {
  const data = Buffer.from(text);
  return { kind: 'mkfile', ...place, secondaryInput: -1, path, mode: 0o644, data, timestamp: -1n, ...options };
}

export function rmAction(path: string, options: Partial<RmAction> = {}): RmAction {
  const defaults = { allowNotFound: false, allowWildcard: false };
  return { kind: 'rm', ...place, secondaryInput: -1, path, ...defaults, ...options };
}

/** Lets each action build upon the one before, as a chain of LLB file actions does; only the last is an output. */
export function chain(inputs: number, actions: readonly FileAction[]): readonly FileAction[] {
  return actions.map((action, index) => ({
    ...action,
    input: index === 0 ? action.input : inputs + index - 1,
    output: index === actions.length - 1 ? 0 : -1,
  }));
}
