import type { TargetConfiguration } from '@nx/devkit';
import type { CacheAccess } from '../workspace/trust';
import type { ProjectDockerfile } from './contract';
import type { PluginSettings } from './plugin-options';

/** Where targets leave what others need: in `dist`, which no workspace has under version control. */
const resultFolder = 'dist/.nx-registry-cache';

/** A result of a project's target, such as `docker-build.json`. Nx knows no `{projectRoot}` within a path for the root. */
export function resultFileOf(projectRoot: string, name: string): string {
  return projectRoot === '.' ? `${resultFolder}/${name}` : `${resultFolder}/${projectRoot}/${name}`;
}

/** File with the digest of the built image: the declared output. The same image gives the same bytes. */
export function imageFileOf(projectRoot: string, targetName: string): string {
  return resultFileOf(projectRoot, `${targetName}.json`);
}

/** Options and configurations of an inferred target. */
export function targetOptions(
  { file, project, targetName }: ProjectDockerfile,
  settings: PluginSettings,
): Pick<TargetConfiguration, 'outputs' | 'options' | 'configurations' | 'defaultConfiguration'> {
  const inProject = project.root === '.' ? file : `{projectRoot}/${file.slice(project.root.length + 1)}`;
  const suffix = targetName === settings.targetName ? '' : targetName.slice(settings.targetName.length);
  const image = `${settings.registry}/${settings.image}${suffix}`;
  const tagged = (tags: readonly string[]): readonly string[] => tags.map((tag) => `${image}:${tag}`);
  const imageFile = imageFileOf(project.root, targetName);
  return {
    outputs: [`{workspaceRoot}/${imageFile}`],
    options: {
      file: inProject,
      tags: tagged(settings.tags ?? ['latest']),
      ...cacheOptions(settings),
      ...(settings.compression === undefined ? {} : { outputs: [`type=image,compression=${settings.compression}`] }),
      imageFile,
      metadataFile: imageFile.replace(/\.json$/, '.metadata.json'),
      ...(settings.engine === undefined ? {} : { engine: settings.engine }),
      ...settings.options,
    },
    ...(settings.ciConfiguration === undefined
      ? {}
      : {
          configurations: {
            [settings.ciConfiguration]: {
              tags: tagged(settings.tags ?? ['{sha}']),
              push: true,
              ...access(settings, settings.writeCache),
            },
          },
        }),
  };
}

function cacheOptions(settings: PluginSettings): Readonly<Record<string, unknown>> {
  const { cache, registryIsGuessed, trust, untrustedCache, writeCache } = settings;
  return {
    ...(cache === undefined ? {} : { cache }),
    ...(cache === undefined || trust === undefined ? {} : { trust }),
    ...(cache === undefined || untrustedCache === undefined ? {} : { untrustedCache }),
    // A registry on this machine is there to be written; one of a team is written by its CI.
    ...access(settings, registryIsGuessed && writeCache),
  };
}

function access({ cache }: PluginSettings, writes: boolean): { readonly cacheAccess?: CacheAccess } {
  return cache === undefined ? {} : { cacheAccess: writes ? 'read-write' : 'read-only' };
}
