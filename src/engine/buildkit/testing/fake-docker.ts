import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SolveStatus } from '../solve-status';

/** What the program does for the first of its rules whose words begin its arguments. */
export interface FakeRule {
  readonly args: readonly string[];
  readonly stdout?: string;
  readonly stderr?: readonly (string | SolveStatus)[];
  readonly exitCode?: number;
  /** What it writes to the file of `--metadata-file`. */
  readonly metadata?: unknown;
  /** Waits until it is killed; `ignore` also ignores SIGINT. */
  readonly hang?: 'wait' | 'ignore';
}

/** What the program was called with. */
export interface FakeCall {
  readonly args: readonly string[];
  /** Text of the file that `--file=….json` names. */
  readonly definition?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Set when it got a SIGINT. */
  readonly interrupted?: boolean;
}

const program = `#!${process.execPath}
const fs = require('node:fs');
const { join, dirname } = require('node:path');
const directory = dirname(process.argv[1]);
const args = process.argv.slice(2);
const value = (name) => args.find((arg) => arg.startsWith(name + '='))?.slice(name.length + 1);
const record = (call) => fs.appendFileSync(join(directory, 'calls'), JSON.stringify(call) + '\\n');
const file = value('--file');
const definition = file?.endsWith('.json') ? fs.readFileSync(file, 'utf8') : undefined;
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(BUILDX_|TOKEN)/.test(name)));
record({ args, definition, env });
const rules = JSON.parse(fs.readFileSync(join(directory, 'rules.json'), 'utf8'));
const words = args.filter((arg) => !arg.startsWith('--builder='));
const rule = rules.find((each) => each.args.every((word, index) => words[index] === word));
if (!rule) { console.error('ERROR: unknown command: ' + args.join(' ')); process.exit(1); }
if (rule.stdout) fs.writeSync(1, rule.stdout);
for (const line of rule.stderr ?? []) fs.writeSync(2, (typeof line === 'string' ? line : JSON.stringify(line)) + '\\n');
if (rule.metadata) fs.writeFileSync(value('--metadata-file'), JSON.stringify(rule.metadata));
if (rule.hang) {
  process.on('SIGINT', () => { record({ args, env, interrupted: true }); if (rule.hang !== 'ignore') process.exit(130); });
  setInterval(() => undefined, 1000);
} else process.exitCode = rule.exitCode ?? 0;
`;

/** A program named `docker` (and `buildctl`) that answers by rules and records how it was called. */
export class FakeDocker implements AsyncDisposable {
  private constructor(private readonly directory: string) {}

  static async create(rules: readonly FakeRule[], names: readonly string[] = ['docker']): Promise<FakeDocker> {
    const directory = await mkdtemp(join(tmpdir(), 'nxrc-fake-docker-'));
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'rules.json'), JSON.stringify(rules));
    for (const name of names) {
      await writeFile(join(directory, name), program);
      await chmod(join(directory, name), 0o755);
    }
    return new FakeDocker(directory);
  }

  /** An environment in which nothing but the fake programs is on the path. */
  get env(): Readonly<Record<string, string>> {
    return { PATH: this.directory };
  }

  async calls(): Promise<readonly FakeCall[]> {
    const text = await readFile(join(this.directory, 'calls'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FakeCall);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Answers of a builder of this driver. */
export function builderRules(
  driver: string,
  { containerdStore = false, status = 'running' } = {},
): readonly FakeRule[] {
  const text = `Name:   mine\nDriver: ${driver}\n\nNodes:\nName:      mine0\nEndpoint:  default\nStatus:    ${status}\nBuildKit version: v0.25.0\nLabels:\n org.mobyproject.buildkit.worker.executor: oci\n`;
  return [
    { args: ['buildx', 'version'], stdout: 'github.com/docker/buildx 0.29.1\n' },
    { args: ['buildx', 'inspect'], stdout: text },
    { args: ['info'], stdout: containerdStore ? '[["driver-type","io.containerd.snapshotter.v1"]]' : '[]' },
  ];
}
