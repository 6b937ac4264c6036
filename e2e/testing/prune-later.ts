import { runCachePrune } from '../../src/executors/cache-prune/run-cache-prune';
import type { CachePruneOptions } from '../../src/workspace/cache-task-options';

const dayMs = 86_400_000;

export interface PruneLaterOptions extends CachePruneOptions {
  /** Root of a workspace. */
  readonly workspace: string;
  readonly temporaryDirectory: string;
}

/** Runs `cache-prune`, keeping one build of each target, as if some days had gone by. */
export async function pruneLater(
  days: number,
  { workspace, temporaryDirectory, ...options }: PruneLaterOptions,
): Promise<{ readonly success: boolean; readonly output: string }> {
  let output = '';
  const { success } = await runCachePrune(
    { keepBuilds: 1, progress: 'plain', ...options },
    {
      invocation: {
        workspaceRoot: workspace,
        projectName: 'workspace',
        projectRoot: '.',
        env: {},
        homeDirectory: temporaryDirectory,
        hostPlatform: { os: 'linux', architecture: 'amd64' },
      },
      host: {
        write: (text) => void (output += text),
        now: () => Date.now() + days * dayMs,
        isTerminal: false,
        terminalSize: () => ({ columns: 80, rows: 24 }),
        isVerbose: false,
        signal: new AbortController().signal,
        temporaryDirectory,
      },
    },
  );
  return { success, output };
}
