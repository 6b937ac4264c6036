import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../../src/testing/repository-root';
import { removeTree } from '../../src/testing/remove-tree';

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** What the demo sets its workspace up with. */
interface DemoWorkspace {
  packPlugin(directory: string): Promise<string>;
  createWorkspace(directory: string, tarball: string, options?: { readonly nx?: string }): Promise<void>;
  findEsbuild(workspace: string): Promise<string>;
  runNx(workspace: string, args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended>;
}

/** A copy of the example workspace with the packed plugin installed, as a user has it. */
export class NxWorkspace implements AsyncDisposable {
  private constructor(
    readonly directory: string,
    private readonly demo: DemoWorkspace,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** `nx` is another version of Nx than the example's, as npm takes it. */
  static async create(options: { readonly nx?: string } = {}): Promise<NxWorkspace> {
    const script = pathToFileURL(join(repositoryRoot(), 'scripts/demo/workspace.mjs')).href;
    const demo = (await import(script)) as DemoWorkspace;
    const directory = await mkdtemp(join(tmpdir(), 'nxrc-e2e-nx-'));
    const workspace = join(directory, 'workspace');
    await demo.createWorkspace(workspace, await demo.packPlugin(join(directory, 'package')), options);
    return new NxWorkspace(directory, demo, { TOOLS: await demo.findEsbuild(workspace) });
  }

  get root(): string {
    return join(this.directory, 'workspace');
  }

  /** Runs Nx to its end. */
  nx(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.demo.runNx(this.root, args, { ...this.environment, ...environment });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.directory);
  }
}
