import type { PipelineFacts } from './pipeline-facts';

const githubRegistry = 'ghcr.io';

/** A workflow for GitHub Actions. */
export function githubWorkflow(facts: PipelineFacts): string {
  const { name, mainBranch, configuration } = facts;
  const host = facts.registryHost ?? githubRegistry;
  const isOwn = host === githubRegistry;
  const push = configuration === undefined ? '--push' : `--configuration=${configuration}`;
  return `# Builds the images that a change affects. What did not change is found in the cache of the registry.
name: ${name}

on:
  push:
    branches: [${JSON.stringify(mainBranch)}]
  pull_request:

# Jobs ask for what they need; nothing is given to all of them.
permissions: {}

concurrency:
  group: ${name}-\${{ github.ref }}
  # A build of the main branch is not stopped: the next one compares with it.
  cancel-in-progress: \${{ github.event_name == 'pull_request' }}

jobs:
  # Pull requests read images and cache of the main branch and write nothing.
  check:
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: read
      actions: read${isOwn ? '\n      packages: read' : ''}
    steps:
${steps(facts, { host, isOwn })}
      - name: Build the images that the pull request affects
        env:
          # To let pull requests keep a cache of their own: "packages: write" above, and "read-write" here. They then
          # write to the repository of untrustedCache, which the main branch never reads; but a token that may write
          # packages may write all of them.
          NX_REGISTRY_CACHE_ACCESS: read-only
        run: ${facts.nx} affected -t ${facts.target} --outputStyle=static

  publish:
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: read
      actions: read${isOwn ? '\n      packages: write' : ''}
    steps:
${steps(facts, { host, isOwn })}
      - name: Build the images that changed since the last green run, and push them and the cache
        env:
          # With this secret, refs of the cache are signed, and what is not signed is not used.
          NX_REGISTRY_CACHE_SECRET: \${{ secrets.NX_REGISTRY_CACHE_SECRET }}
        run: ${facts.nx} affected -t ${facts.target} ${push} --outputStyle=static
`;
}

function steps(facts: PipelineFacts, { host, isOwn }: { readonly host: string; readonly isOwn: boolean }): string {
  const { nodeVersion, packageManager, install, mainBranch } = facts;
  const setup: Readonly<Record<PipelineFacts['packageManager'], string>> = {
    npm: '',
    yarn: '',
    pnpm: '      - uses: pnpm/action-setup@v4\n',
    bun: '      - uses: oven-sh/setup-bun@v2\n',
  };
  const cache = packageManager === 'bun' ? '' : `\n          cache: ${packageManager}`;
  const login = isOwn
    ? `          username: \${{ github.actor }}
          password: \${{ secrets.GITHUB_TOKEN }}`
    : `          username: \${{ secrets.REGISTRY_USER }}
          password: \${{ secrets.REGISTRY_PASSWORD }}`;
  // A fork's pull request has no secrets; with GitHub's own token it can still read.
  const condition = isOwn
    ? ''
    : "\n        if: github.event_name == 'push' || github.event.pull_request.head.repo.full_name == github.repository";
  return `      - uses: actions/checkout@v4
        with:
          # All commits, to compare with the last one that was built; files of old ones only where they are needed.
          fetch-depth: 0
          filter: tree:0
          persist-credentials: false
${setup[packageManager]}      - uses: actions/setup-node@v4
        with:
          node-version: ${JSON.stringify(nodeVersion)}${cache}
      - run: ${install}
      # Sets NX_BASE and NX_HEAD.
      - uses: nrwl/nx-set-shas@v4
        with:
          main-branch-name: ${JSON.stringify(mainBranch)}
      - uses: docker/login-action@v3${condition}
        with:
          registry: ${host}
${login}`;
}
