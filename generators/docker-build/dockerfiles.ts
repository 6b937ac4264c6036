import { joinPathFragments } from '@nx/devkit';
import { installCommand } from './install-commands';
import type { ProjectFacts } from './project-facts';

export interface DockerfileChoices {
  readonly main: string;
  readonly port: number | undefined;
  readonly baseImage: string | undefined;
}

const nodeImage = 'node:22-slim';
const bunImage = 'oven/bun:1-slim';
const staticImage = 'nginxinc/nginx-unprivileged:stable-alpine';
const emptyImage = 'debian:stable-slim';

/** An unprivileged user by number: a cluster that forbids root can check no name. */
const user = '1000:1000';

/** The text of a Dockerfile for the project. The build context is the workspace root. */
export function dockerfileFor(facts: ProjectFacts, choices: DockerfileChoices): string {
  switch (facts.kind) {
    case 'node':
      return nodeServer(facts, choices);
    case 'next':
      return nextServer(facts, choices);
    case 'static':
      return staticSite(facts, choices);
    case 'empty':
      return somethingElse(facts, choices);
  }
}

function nodeServer(facts: ProjectFacts, { main, port = 3000, baseImage }: DockerfileChoices): string {
  const { packageManager, output } = facts;
  const program = packageManager === 'bun' ? 'bun' : 'node';
  const image = baseImage ?? (packageManager === 'bun' ? bunImage : nodeImage);
  return lines(
    `ARG BASE_IMAGE=${image}`,
    '',
    '# What the server needs at run time. The stage changes with the lockfile only, and is shared by all apps that have it.',
    'FROM ${BASE_IMAGE} AS deps',
    'WORKDIR /app',
    'ENV NODE_ENV=production',
    ...installSteps(facts),
    '',
    `# The build itself runs before, in Nx, which has a cache for it: nx run ${facts.name}:docker-build does both.`,
    'FROM ${BASE_IMAGE} AS runtime',
    'WORKDIR /app',
    `ENV NODE_ENV=production PORT=${port}`,
    'COPY --from=deps /app ./',
    `COPY ${output} ./`,
    '# Nothing in /app belongs to this user: the server cannot change its own program.',
    `USER ${user}`,
    `EXPOSE ${port}`,
    `CMD ${JSON.stringify([program, main])}`,
  );
}

function installSteps(facts: ProjectFacts): readonly string[] {
  const { packageManager, lockfile, memberManifests, outputHasManifest, output, root } = facts;
  const isMember = !outputHasManifest && memberManifests.length > 0;
  const install = installCommand(packageManager, {
    hasLockfile: lockfile !== undefined,
    ...(isMember ? { member: root } : {}),
  });
  const folder = outputHasManifest ? `${output}/` : '';
  const files = [
    `${folder}package.json`,
    ...(lockfile === undefined ? [] : [`${folder}${lockfile}`]),
    ...install.settings,
  ];
  const copy = isMember
    ? `COPY --parents ${[...files, ...memberManifests].join(' ')} ./`
    : `COPY ${files.join(' ')} ./`;
  return [copy, `RUN --mount=type=cache,target=${install.cache} ${install.command}`];
}

function nextServer(
  { output, root, hasPublic, name }: ProjectFacts,
  { port = 3000, baseImage = nodeImage }: DockerfileChoices,
): string {
  const here = root === '.' ? '.' : `./${root}`;
  return lines(
    `ARG BASE_IMAGE=${baseImage}`,
    '',
    '# Needs output: "standalone" in next.config, which gathers the server and just the packages that it uses. The build',
    `# itself runs before, in Nx: nx run ${name}:docker-build does both.`,
    'FROM ${BASE_IMAGE} AS runtime',
    'WORKDIR /app',
    `ENV NODE_ENV=production NEXT_TELEMETRY_DISABLED=1 HOSTNAME=0.0.0.0 PORT=${port}`,
    '# The server writes pages that it renders again into its own folder.',
    `COPY --chown=${user} ${output}/standalone ./`,
    `COPY --chown=${user} ${output}/static ${joinPathFragments(here, '.next/static')}`,
    ...(hasPublic
      ? [`COPY --chown=${user} ${joinPathFragments(root, 'public')} ${joinPathFragments(here, 'public')}`]
      : []),
    `USER ${user}`,
    `EXPOSE ${port}`,
    `CMD ${JSON.stringify(['node', joinPathFragments(root === '.' ? '' : root, 'server.js')])}`,
  );
}

function staticSite(
  { output, name }: ProjectFacts,
  { port = 8080, baseImage = staticImage }: DockerfileChoices,
): string {
  return lines(
    `ARG BASE_IMAGE=${baseImage}`,
    '',
    `# The build itself runs before, in Nx: nx run ${name}:docker-build does both.`,
    'FROM ${BASE_IMAGE} AS runtime',
    'COPY <<"NGINX" /etc/nginx/conf.d/default.conf',
    'server {',
    `  listen ${port};`,
    '  root /usr/share/nginx/html;',
    '  location / {',
    '    try_files $uri $uri/ /index.html;',
    '  }',
    '}',
    'NGINX',
    `COPY ${output} /usr/share/nginx/html`,
    '# The user of the base image, which has no root.',
    'USER 101',
    `EXPOSE ${port}`,
  );
}

function somethingElse({ root, name }: ProjectFacts, { port, baseImage = emptyImage }: DockerfileChoices): string {
  return lines(
    `ARG BASE_IMAGE=${baseImage}`,
    '',
    `# To use the image of another project of the workspace: FROM nx-project:its-name. It is built first.`,
    'FROM ${BASE_IMAGE} AS runtime',
    'WORKDIR /app',
    `COPY ${root === '.' ? '.' : root} ./`,
    `USER ${user}`,
    ...(port === undefined ? [] : [`EXPOSE ${port}`]),
    `CMD ["echo", ${JSON.stringify(`say in the Dockerfile of ${name} what to run`)}]`,
  );
}

function lines(...text: readonly string[]): string {
  return `${text.join('\n')}\n`;
}
