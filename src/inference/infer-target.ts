import type { TargetConfiguration } from '@nx/devkit';
import { posix } from 'node:path';
import { IGNORE_FILE_NAME, ignoreFileFor } from '../dockerfile/ignore-file';
import { findProjectName, parseProjectImage } from '../workspace/project-image-name';
import type { BuildOutputs } from './build-outputs';
import type { ProjectDockerfile, WorkspaceProject } from './contract';
import { fromWorkspaceRoot, readDeclaredOptions } from './declared-options';
import { filesetOf, filesetsFor, ignoredFilesets, joinRoot } from './filesets';
import { IgnoreRules } from './ignore-rules';
import type { PluginSettings } from './plugin-options';
import { readDockerfile } from './read-dockerfile';
import { targetOptions } from './target-options';

export interface InferTargetOptions {
  readonly settings: PluginSettings;
  readonly outputs: BuildOutputs;
  readonly projects: ReadonlyMap<string, WorkspaceProject>;
  /** The text of a file, by its path from the workspace root; undefined where there is none. */
  readonly read: (file: string) => string | undefined;
}

export interface InferredTarget {
  readonly configuration: TargetConfiguration;
  /** Projects whose image it needs. */
  readonly images: readonly string[];
}

type Dependency = NonNullable<TargetConfiguration['dependsOn']>[number];
type Input = NonNullable<TargetConfiguration['inputs']>[number];

/**
 * The target that builds a Dockerfile: what it depends on, and inputs that cover what its COPY instructions take.
 * Everything that may change from one run to the next (commit, branch, environment) stays a token in its options.
 */
export function inferTarget(dockerfile: ProjectDockerfile, options: InferTargetOptions): InferredTarget {
  const { file, project, targetName } = dockerfile;
  const { settings, outputs, projects, read } = options;
  const declared = readDeclaredOptions(settings.options, project.targets[targetName], project.root);
  const facts = readDockerfile({
    path: file,
    text: read(file) ?? '',
    buildArgs: declared.buildArgs,
    ...(declared.target === undefined ? {} : { target: declared.target }),
  });
  const inputs = new Set<string>([filesetOf(file), filesetOf(ignoreFileFor(file))]);
  const copied = new Set<string>();
  const use = (root: string, path: string, ignore: IgnoreRules): void => {
    for (const fileset of filesetsFor(path, root, ignore)) inputs.add(fileset);
    copied.add(joinRoot(root, path));
  };
  const excluded = new Set<string>();
  const rulesOf = (root: string, ignoreFile?: string): IgnoreRules => {
    const rootFile = joinRoot(root, IGNORE_FILE_NAME);
    inputs.add(filesetOf(rootFile));
    const text = (ignoreFile === undefined ? undefined : read(ignoreFile)) ?? read(rootFile);
    return text === undefined ? IgnoreRules.none : IgnoreRules.parse(text);
  };
  const mainIgnore = rulesOf(declared.context, ignoreFileFor(file));
  let usesMain = false;
  for (const { context, path } of facts.uses) {
    if (context === undefined) {
      usesMain = true;
      use(declared.context, path, mainIgnore);
      continue;
    }
    const directory = localDirectory(declared.buildContexts[context], project.root);
    if (directory !== undefined) use(directory, path, rulesOf(directory));
  }
  for (const [name, value] of Object.entries(declared.buildContexts)) {
    const directory = localDirectory(value, project.root);
    // FROM a directory takes all of it.
    if (directory !== undefined && facts.images.some((image) => image.toLowerCase() === name)) {
      if (!facts.uses.some((known) => known.context === name)) use(directory, '.', rulesOf(directory));
    }
  }
  if (usesMain) for (const fileset of ignoredFilesets(declared.context, mainIgnore)) excluded.add(fileset);
  const images = projectImages([...facts.images, ...Object.values(declared.buildContexts)], projects).filter(
    (name) => name !== project.name,
  );
  const dependsOn = dependencies(project, [...copied], { images, outputs, settings, projects });
  const dependent: readonly Input[] =
    dependsOn.length === 0 ? [] : [{ dependentTasksOutputFiles: '**/*', transitive: true }];
  const variables = ['SOURCE_DATE_EPOCH', ...declared.variables].map((env) => ({ env }));
  return {
    images,
    configuration: {
      executor: 'nx-registry-cache:docker-build',
      ...(dependsOn.length === 0 ? {} : { dependsOn: [...dependsOn] }),
      inputs: [...inputs, ...excluded, ...dependent, ...variables],
      ...targetOptions(dockerfile, settings),
      metadata: {
        technologies: ['docker'],
        description: `Builds the image of ${posix.basename(file)}`,
        help: {
          command: `npx nx run ${project.name}:${targetName} --help`,
          example: { options: { push: true } },
        },
      },
    },
  };
}

interface DependencyOptions {
  readonly images: readonly string[];
  readonly outputs: BuildOutputs;
  readonly settings: PluginSettings;
  readonly projects: ReadonlyMap<string, WorkspaceProject>;
}

/** Builds whose results are copied, and images that are built upon. */
function dependencies(
  project: WorkspaceProject,
  copied: readonly string[],
  { images, outputs, settings }: DependencyOptions,
): readonly Dependency[] {
  const byTarget = new Map<string, Set<string>>();
  const own = new Set<string>();
  for (const { project: source, target } of copied.flatMap((path) => outputs.sourcesOf(path))) {
    if (source.name === project.name) own.add(target);
    else byTarget.set(target, (byTarget.get(target) ?? new Set()).add(source.name));
  }
  if (images.length > 0) byTarget.set(settings.targetName, new Set(images));
  return [
    ...[...own].sort(),
    ...[...byTarget].sort().map(([target, names]) => ({ target, projects: [...names].sort() })),
  ];
}

/** Names of the projects that image references name; those that do not exist are told when the image is built. */
function projectImages(
  references: readonly string[],
  projects: ReadonlyMap<string, WorkspaceProject>,
): readonly string[] {
  const names = [...projects.values()].map(({ name }) => name);
  const found = references.flatMap((reference) => {
    const wanted = parseProjectImage(reference);
    return wanted === undefined ? [] : (findProjectName(wanted, names) ?? []);
  });
  return [...new Set(found)].sort();
}

/** The directory that a build context's value names, from the workspace root; undefined for images and the like. */
function localDirectory(value: string | undefined, projectRoot: string): string | undefined {
  if (value === undefined || /^[a-z][a-z0-9+.-]*:|^git@|^[/~]/i.test(value)) return undefined;
  return fromWorkspaceRoot(value, projectRoot);
}
