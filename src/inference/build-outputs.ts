import type { WorkspaceProject } from './contract';
import { asRecord } from './workspace-projects';

/** A target that makes what a Dockerfile copies. */
export interface OutputSource {
  readonly project: WorkspaceProject;
  readonly target: string;
}

/** Folders in which builds of all kinds leave their results, in a project's root or, followed by it, in the workspace's. */
const outputFolders: ReadonlySet<string> = new Set(['dist', 'build', 'out', '.next', '.output']);

export interface BuildOutputsOptions {
  readonly projects: ReadonlyMap<string, WorkspaceProject>;
  /** The target that builds a project where nothing says which: `build`. */
  readonly buildTarget: string;
  /** `targetDefaults` of nx.json. */
  readonly targetDefaults: Readonly<Record<string, unknown>>;
}

/** Knows which project's build makes a file: by the outputs that targets declare, else by where builds usually write. */
export class BuildOutputs {
  /** Longest first. */
  readonly #declared: readonly { readonly path: string; readonly source: OutputSource }[];

  constructor(private readonly options: BuildOutputsOptions) {
    this.#declared = [...options.projects.values()]
      .flatMap((project) => Object.keys(project.targets).flatMap((target) => this.#outputsOf(project, target)))
      .sort((a, b) => b.path.length - a.path.length);
  }

  /** What makes the files at `path` (from the workspace root; wildcards allowed); several for a folder around outputs. */
  sourcesOf(path: string): readonly OutputSource[] {
    const plain = beforeWildcard(path);
    const around = this.#declared.find(({ path: output }) => isWithin(plain, output));
    if (around !== undefined) return [around.source];
    const below = this.#declared.filter(({ path: output }) => plain !== '.' && isWithin(output, plain));
    // A folder with sources is copied for these; outputs in it are there by chance, unless it is one for outputs.
    const names = plain.split('/');
    if (below.length > 0 && names.some((name) => outputFolders.has(name))) return below.map(({ source }) => source);
    const guessed = this.#guess(names);
    return guessed === undefined ? [] : [guessed];
  }

  #guess(names: readonly string[]): OutputSource | undefined {
    const target = this.options.buildTarget;
    const folder = names.findIndex((name) => outputFolders.has(name));
    if (folder < 0) return undefined;
    // apps/api/dist/main.js belongs to apps/api, dist/apps/api/main.js as well.
    const before = this.options.projects.get(folder === 0 ? '.' : names.slice(0, folder).join('/'));
    if (folder > 0) return before === undefined ? undefined : { project: before, target };
    for (let end = names.length; end > 1; end--) {
      const project = this.options.projects.get(names.slice(1, end).join('/'));
      if (project !== undefined) return { project, target };
    }
    return before === undefined ? undefined : { project: before, target };
  }

  #outputsOf(
    project: WorkspaceProject,
    target: string,
  ): readonly { readonly path: string; readonly source: OutputSource }[] {
    const declared = project.targets[target];
    const defaults = asRecord(this.options.targetDefaults[target]);
    const outputs: unknown = declared?.outputs ?? defaults['outputs'];
    if (!Array.isArray(outputs)) return [];
    const values = { ...asRecord(defaults['options']), ...declared?.options };
    return outputs.flatMap((output) => {
      const path = typeof output === 'string' ? resolveOutput(output, project, values) : undefined;
      return path === undefined ? [] : [{ path, source: { project, target } }];
    });
  }
}

/** An output from the workspace root; undefined where a token has no value or the output is all of a folder of sources. */
function resolveOutput(
  output: string,
  project: WorkspaceProject,
  options: Readonly<Record<string, unknown>>,
): string | undefined {
  let known = !output.startsWith('!');
  const path = output.replace(/\{([^}]+)\}/g, (_, token: string) => {
    const option = token.startsWith('options.') ? options[token.slice('options.'.length)] : undefined;
    if (typeof option === 'string') return resolveOutput(option, project, {}) ?? '';
    if (token === 'workspaceRoot') return '';
    if (token === 'projectRoot') return project.root;
    if (token === 'projectName') return project.name;
    known = false;
    return '';
  });
  const clean = beforeWildcard(path.replace(/^\/+|\/+$/g, '').replace(/(^|\/)\.\//g, '$1'));
  return known && clean !== '.' && clean !== project.root ? clean : undefined;
}

/** The path up to its first name with a wildcard; `.` if that is the first. */
function beforeWildcard(path: string): string {
  const names = path.split('/');
  const first = names.findIndex((name) => /[*?[{]/.test(name));
  const plain = names.slice(0, first < 0 ? names.length : first).join('/');
  return plain === '' ? '.' : plain;
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
