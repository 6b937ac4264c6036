import type { CreateNodesResultArray, TargetConfiguration } from '@nx/devkit';
import { join } from 'node:path';
import { BuildOutputs } from './build-outputs';
import type { ProjectDockerfile, WorkspaceProject } from './contract';
import { inferTarget, type InferredTarget } from './infer-target';
import { resolvePluginOptions, type PluginOptions } from './plugin-options';
import { isDockerfile, nameTargets } from './target-names';
import { resultFileOf } from './target-options';
import { asRecord, projectAround, readTextFile, readWorkspaceProjects } from './workspace-projects';

export interface InferProjectsOptions {
  readonly pluginOptions: PluginOptions | undefined;
  readonly workspaceRoot: string;
  /** `targetDefaults` of nx.json. */
  readonly targetDefaults: unknown;
}

/**
 * The targets of all projects with a Dockerfile. `files` are all Dockerfiles, `project.json` and `package.json` of the
 * workspace. A Dockerfile outside of every project gives nothing, and a broken one a target that tells what is wrong.
 *
 * @throws Error if the plugin's options are wrong.
 */
export function inferProjects(
  files: readonly string[],
  { pluginOptions, workspaceRoot, targetDefaults }: InferProjectsOptions,
): CreateNodesResultArray {
  const settings = resolvePluginOptions(pluginOptions);
  const dockerfiles = files.filter(isDockerfile);
  if (dockerfiles.length === 0) return [];
  const projects = readWorkspaceProjects(
    files.filter((file) => /(?:^|\/)(?:project|package)\.json$/.test(file)),
    workspaceRoot,
  );
  const outputs = new BuildOutputs({
    projects,
    buildTarget: settings.buildTarget,
    targetDefaults: asRecord(targetDefaults),
  });
  const texts = new Map<string, string | undefined>();
  const read = (file: string): string | undefined => {
    if (!texts.has(file)) texts.set(file, readTextFile(join(workspaceRoot, file)));
    return texts.get(file);
  };
  const named = nameDockerfiles(dockerfiles, projects, settings.targetName);
  const inferred = named.map((dockerfile) => ({
    dockerfile,
    target: inferTarget(dockerfile, { settings, outputs, projects, read }),
  }));
  const bases = new Set(inferred.flatMap(({ target }) => target.images));
  return inferred.map(({ dockerfile, target }) => {
    const { project, targetName, file } = dockerfile;
    const isBase = targetName === settings.targetName && bases.has(project.name);
    const configuration = isBase ? keepLayout(target, dockerfile, settings.ciConfiguration) : target.configuration;
    return [file, { projects: { [project.root]: { root: project.root, targets: { [targetName]: configuration } } } }];
  });
}

function nameDockerfiles(
  files: readonly string[],
  projects: ReadonlyMap<string, WorkspaceProject>,
  base: string,
): readonly ProjectDockerfile[] {
  const byProject = new Map<WorkspaceProject, string[]>();
  for (const file of files) {
    const project = projectAround(file, projects);
    if (project === undefined) continue;
    const known = byProject.get(project);
    if (known === undefined) byProject.set(project, [file]);
    else known.push(file);
  }
  return [...byProject].flatMap(([project, group]) =>
    [...nameTargets(group, { root: project.root, base })].map(([file, targetName]) => ({ file, project, targetName })),
  );
}

/**
 * An image that others of the workspace are built on is kept as an OCI layout, unless it is pushed: then they take it
 * from the registry.
 */
function keepLayout(
  { configuration }: InferredTarget,
  { project, targetName }: ProjectDockerfile,
  ciConfiguration: string | undefined,
): TargetConfiguration {
  const layout = `type=oci,dest=${resultFileOf(project.root, `${targetName}.layout`)},tar=false`;
  const options = configuration.options as Readonly<Record<string, unknown>>;
  const configurations = configuration.configurations as Readonly<Record<string, object>> | undefined;
  return {
    ...configuration,
    options: { outputs: [layout], ...options },
    ...(ciConfiguration === undefined || configurations === undefined
      ? {}
      : {
          configurations: { ...configurations, [ciConfiguration]: { outputs: [], ...configurations[ciConfiguration] } },
        }),
  };
}
