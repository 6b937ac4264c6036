import type { CreateDependenciesContext } from '@nx/devkit';
import { posix } from 'node:path';
import { findProjectName, isImageExecutor, parseProjectImage } from '../workspace/project-image-name';
import { asRecord } from './workspace-projects';

/** A dependency of Nx's graph. Its types are words of Nx's enum, which is not loaded for two of them. */
export interface ProjectEdge {
  readonly source: string;
  readonly target: string;
  readonly type: 'static' | 'implicit';
  readonly sourceFile?: string;
}

/**
 * Edges from each project that builds an image to those whose build or image it needs, so that a change in them makes it
 * affected. They come from the final targets, in which `project.json` had the last word.
 */
export function projectEdges({ projects, fileMap }: CreateDependenciesContext): readonly ProjectEdge[] {
  const names = Object.keys(projects);
  const edges = new Map<string, ProjectEdge>();
  for (const [source, { root, targets }] of Object.entries(projects)) {
    const files = new Set((fileMap.projectFileMap[source] ?? []).map(({ file }) => file));
    for (const { executor, dependsOn, options } of Object.values(targets ?? {})) {
      if (!isImageExecutor(executor)) continue;
      const { file, buildContexts } = asRecord(options);
      const dockerfile = posix.normalize(typeof file === 'string' ? file : posix.join(root, 'Dockerfile'));
      // Nx refuses an edge from a file that is not the project's.
      const edge = files.has(dockerfile)
        ? ({ source, type: 'static', sourceFile: dockerfile } as const)
        : ({ source, type: 'implicit' } as const);
      for (const target of [...neededProjects(dependsOn), ...contextProjects(buildContexts, names)]) {
        if (target === source || projects[target] === undefined) continue;
        edges.set(`${source}\0${target}`, { ...edge, target });
      }
    }
  }
  return [...edges.values()];
}

function neededProjects(dependsOn: readonly unknown[] | undefined): readonly string[] {
  return (dependsOn ?? []).flatMap((dependency) => {
    const { projects } = asRecord(dependency);
    if (typeof projects === 'string') return [projects];
    return Array.isArray(projects) ? projects.filter((name) => typeof name === 'string') : [];
  });
}

function contextProjects(buildContexts: unknown, names: readonly string[]): readonly string[] {
  return Object.values(asRecord(buildContexts)).flatMap((value) => {
    const wanted = typeof value === 'string' ? parseProjectImage(value) : undefined;
    return wanted === undefined ? [] : (findProjectName(wanted, names) ?? []);
  });
}
