import { joinPathFragments, logger, readProjectConfiguration, type Tree } from '@nx/devkit';
import { imageFileOf } from '../../src/inference/target-options';
import { findInJson, setInJson } from '../json-edit/edit-json';
import { pluginName, readPluginEntry } from '../plugin-entry';
import { dockerfileFor } from './dockerfiles';
import { ownIgnore, workspaceIgnore } from './ignore-files';
import { readProjectFacts, type ProjectFacts, type ProjectKind } from './project-facts';

export interface DockerBuildGeneratorOptions {
  readonly project: string;
  readonly kind?: ProjectKind | 'auto';
  readonly output?: string;
  readonly main?: string;
  readonly port?: number;
  readonly baseImage?: string;
  readonly tags?: readonly string[];
  readonly platforms?: readonly string[];
  readonly force?: boolean;
}

const defaultTargetName = 'docker-build';

/** The generator `docker-build`: a Dockerfile for what the project is, and what its target needs besides. */
export default function dockerBuild(tree: Tree, options: DockerBuildGeneratorOptions): void {
  const project = readProjectConfiguration(tree, options.project);
  const { kind = 'auto', output } = options;
  const facts = readProjectFacts(
    tree,
    { ...project, name: project.name ?? options.project },
    { ...(kind === 'auto' ? {} : { kind }), ...(output === undefined ? {} : { output }) },
  );
  const dockerfile = joinPathFragments(project.root, 'Dockerfile');
  if (tree.exists(dockerfile) && options.force !== true) {
    logger.warn(`${dockerfile} is there and stays; --force replaces it`);
  } else {
    const { main = 'main.js', port, baseImage } = options;
    tree.write(dockerfile, dockerfileFor(facts, { main, port, baseImage }));
    const ignore = ownIgnore(facts);
    if (ignore !== undefined) tree.write(`${dockerfile}.dockerignore`, ignore);
  }
  if (!tree.exists('.dockerignore')) tree.write('.dockerignore', workspaceIgnore);
  writeTarget(tree, facts, options);
  warnAbout(tree, facts);
}

/** The plugin makes the target; only what differs from it is written. Without the plugin, all of it. */
function writeTarget(tree: Tree, facts: ProjectFacts, { tags, platforms }: DockerBuildGeneratorOptions): void {
  const entry = readPluginEntry(tree.read('nx.json', 'utf8') ?? '{}');
  const name = typeof entry?.['targetName'] === 'string' ? entry['targetName'] : defaultTargetName;
  const options = { ...(tags === undefined ? {} : { tags }), ...(platforms === undefined ? {} : { platforms }) };
  const target =
    entry === undefined
      ? {
          executor: `${pluginName}:docker-build`,
          dependsOn: ['build'],
          inputs: ['default', '^default', { dependentTasksOutputFiles: '**/*', transitive: true }],
          outputs: [`{workspaceRoot}/${imageFileOf(facts.root, name)}`],
          options: {
            tags: ['localhost:5000/{projectSlug}:latest'],
            imageFile: imageFileOf(facts.root, name),
            ...options,
          },
        }
      : { options };
  if (entry !== undefined && Object.keys(options).length === 0) return;
  const { file, path } = targetsIn(tree, facts.root);
  const text = tree.read(file, 'utf8') ?? '{}\n';
  const known = findInJson(text, [...path, name]) !== undefined;
  const edited =
    entry === undefined && !known
      ? setInJson(text, [...path, name], target)
      : Object.entries(options).reduce(
          (edit, [key, value]) => setInJson(edit, [...path, name, 'options', key], value),
          text,
        );
  if (edited !== text) tree.write(file, edited);
}

function targetsIn(tree: Tree, root: string): { readonly file: string; readonly path: readonly string[] } {
  const projectFile = joinPathFragments(root, 'project.json');
  return tree.exists(projectFile) || !tree.exists(joinPathFragments(root, 'package.json'))
    ? { file: projectFile, path: ['targets'] }
    : { file: joinPathFragments(root, 'package.json'), path: ['nx', 'targets'] };
}

function warnAbout(tree: Tree, { kind, root, name }: ProjectFacts): void {
  if (kind !== 'next') return;
  const config = ['js', 'mjs', 'cjs', 'ts'].map((ending) => joinPathFragments(root, `next.config.${ending}`));
  const text = config.map((file) => tree.read(file, 'utf8') ?? '').join('');
  if (!/output\s*:\s*["'`]standalone["'`]/.test(text)) {
    logger.warn(`the image of ${name} needs output: 'standalone' in its next.config`);
  }
}
