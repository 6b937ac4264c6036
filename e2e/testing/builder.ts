import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { tmpdir } from 'node:os';
import type { RuntimeName } from '../../src/builder/sandbox/agent/protocol';
import type { StepReport } from '../../src/engine/contract';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';
import type { BuilderJob } from './builder-process';
import { removeTree } from '../../src/testing/remove-tree';

export interface BuildResult {
  /** Undefined if a signal ended it. */
  readonly code: number | undefined;
  /** Standard output and error, in the order they came. */
  readonly output: string;
  /** The metadata file, if the build wrote one. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly steps: readonly StepReport[];
}

export interface RunningBuild {
  readonly child: ChildProcess;
  readonly result: Promise<BuildResult>;
  /** Resolves once the build has printed the text. */
  printed(text: string): Promise<void>;
}

export interface BuildSettings {
  /** A folder of the machine's local layers and cache; another name is another machine. */
  readonly state?: string;
  readonly runtime?: RuntimeName;
  readonly env?: Readonly<Record<string, string>>;
}

/** A workspace in a temporary directory and builds in it, each in a process of its own. */
export class Builder {
  private constructor(readonly directory: string) {}

  static async create(t: TestContext): Promise<Builder> {
    const directory = await mkdtemp(join(tmpdir(), 'nxrc-e2e-'));
    t.after(() => removeTree(directory));
    return new Builder(directory);
  }

  /** A path outside of the workspace. */
  path(...parts: readonly string[]): string {
    return join(this.directory, ...parts);
  }

  get workspace(): string {
    return this.path('workspace');
  }

  /** Writes files of the workspace. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.workspace, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }

  start(options: DockerBuildOptions, settings: BuildSettings = {}): RunningBuild {
    const metadataFile = this.path('metadata.json');
    const job: BuilderJob = {
      workspaceRoot: this.workspace,
      projectRoot: '.',
      options: { progress: 'plain', metadataFile, stateDir: this.path(settings.state ?? 'state'), ...options },
      ...(settings.runtime === undefined ? {} : { runtime: settings.runtime }),
    };
    const child = spawn(
      process.execPath,
      ['--trace-warnings', join(__dirname, 'builder-process.js'), JSON.stringify(job)],
      {
        env: { ...process.env, ...settings.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    const listeners = new Set<() => void>();
    const keep = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
      for (const listener of listeners) listener();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const result = new Promise<BuildResult>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve(readResult(code ?? undefined, output, metadataFile));
      });
    });
    const printed = async (text: string): Promise<void> => {
      const seen = new Promise<void>((resolve) => {
        const look = (): void => {
          if (output.includes(text)) resolve();
        };
        listeners.add(look);
        look();
      });
      const ended = result.then((end) => {
        if (!end.output.includes(text)) throw new Error(`the build ended without "${text}":\n${end.output}`);
      });
      await Promise.race([seen, ended]);
    };
    return { child, result, printed };
  }

  /** Builds to the end. */
  async build(options: DockerBuildOptions = {}, settings: BuildSettings = {}): Promise<BuildResult> {
    await rm(this.path('metadata.json'), { force: true });
    return this.start(options, settings).result;
  }
}

async function readResult(code: number | undefined, output: string, metadataFile: string): Promise<BuildResult> {
  const text = await readFile(metadataFile, 'utf8').catch(() => undefined);
  if (text === undefined) return { code, output, steps: [] };
  const metadata = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const ours = metadata['nx-registry-cache'] as { readonly steps: readonly StepReport[] };
  return { code, output, metadata, steps: ours.steps };
}

/** Steps that were needed and come from an instruction, by outcome. */
export function stepsThat(result: BuildResult, outcome: StepReport['outcome']): readonly string[] {
  return result.steps.filter((step) => step.outcome === outcome && step.stage !== undefined).map((step) => step.name);
}
