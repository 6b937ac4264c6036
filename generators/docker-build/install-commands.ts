import type { PackageManagerName } from './project-facts';

/** How a package manager installs what a program needs at run time, and nothing else. */
export interface InstallCommand {
  readonly command: string;
  /** Folder of its downloads, kept between builds in a cache mount. */
  readonly cache: string;
  /** What has to be there besides manifest and lockfile. */
  readonly settings: readonly string[];
}

/** The command for one `package.json` with its lockfile, or for one member of the package manager's workspaces. */
export function installCommand(
  manager: PackageManagerName,
  { member, hasLockfile }: { readonly member?: string; readonly hasLockfile: boolean },
): InstallCommand {
  switch (manager) {
    case 'npm': {
      const only = member === undefined ? '' : ` --workspace=${member} --include-workspace-root`;
      return { command: `npm ${hasLockfile ? 'ci' : 'install'} --omit=dev${only}`, cache: '/root/.npm', settings: [] };
    }
    case 'pnpm': {
      const only = member === undefined ? '' : ` --filter=./${member}...`;
      const frozen = hasLockfile ? ' --frozen-lockfile' : '';
      return {
        command: `corepack enable && pnpm install --prod${frozen}${only} --store-dir=/root/.pnpm-store`,
        cache: '/root/.pnpm-store',
        settings: member === undefined ? [] : ['pnpm-workspace.yaml'],
      };
    }
    case 'yarn': {
      const frozen = hasLockfile ? ' --frozen-lockfile' : '';
      return { command: `yarn install --production${frozen}`, cache: '/usr/local/share/.cache/yarn', settings: [] };
    }
    case 'berry': {
      const only = member === undefined ? '--all' : '$(node -p "require(\'./' + member + '/package.json\').name")';
      const command = `corepack enable && yarn workspaces focus --production ${only}`;
      return { command, cache: '/root/.yarn/berry/cache', settings: ['.yarnrc.yml'] };
    }
    case 'bun': {
      const frozen = hasLockfile ? ' --frozen-lockfile' : '';
      return { command: `bun install --production${frozen}`, cache: '/root/.bun/install/cache', settings: [] };
    }
  }
}
