import type { CreateDependencies, CreateNodes, RawProjectGraphDependency } from '@nx/devkit';
import { inferProjects } from './inference/infer-projects';
import type { PluginOptions } from './inference/plugin-options';
import { projectEdges } from './inference/project-edges';
import { dockerfileGlob } from './inference/target-names';

export type { PluginOptions };

/** Name of the plugin in Nx's messages. */
export const name = 'nx-registry-cache';

/**
 * Gives every project with a Dockerfile the target `docker-build`. Manifests are in the pattern because what a Dockerfile
 * copies may be built by another project, and because a Dockerfile outside of all projects must give nothing.
 */
export const createNodes: CreateNodes<PluginOptions> = [
  `**/{${dockerfileGlob},project.json,package.json}`,
  (files, pluginOptions, { nxJsonConfiguration, workspaceRoot }) =>
    inferProjects(files, { pluginOptions, workspaceRoot, targetDefaults: nxJsonConfiguration.targetDefaults }),
];

/** The name under which early versions of Nx 22 look for it. */
export const createNodesV2 = createNodes;

/** Edges to projects whose image or build a Dockerfile needs. */
export const createDependencies: CreateDependencies<PluginOptions> = (_options, context) =>
  projectEdges(context) as unknown as RawProjectGraphDependency[];
