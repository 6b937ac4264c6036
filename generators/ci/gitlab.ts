import type { PipelineFacts } from './pipeline-facts';

/** Jobs for GitLab CI. */
export function gitlabPipeline(facts: PipelineFacts): string {
  const { name, registryHost, mainBranch, nodeVersion, install, configuration, target, nx } = facts;
  const push = configuration === undefined ? '--push' : `--configuration=${configuration}`;
  const host = registryHost === undefined ? '$CI_REGISTRY' : registryHost;
  const [user, password] =
    registryHost === undefined
      ? ['$CI_REGISTRY_USER', '$CI_REGISTRY_PASSWORD']
      : ['$REGISTRY_USER', '$REGISTRY_PASSWORD'];
  // GitLab gives a path that the project may push to, which a setting in nx.json would have to repeat.
  const registry =
    registryHost === undefined
      ? '\n    # Where images and cache go.\n    NX_DOCKER_CACHE_REGISTRY: $CI_REGISTRY_IMAGE'
      : '';
  return `# Builds the images that a change affects. What did not change is found in the cache of the registry.
.${name}:
  image: node:${nodeVersion}
  interruptible: true
  timeout: 1h
  variables:
    # All commits, to compare with the one that the change starts from.
    GIT_DEPTH: "0"
    NX_HEAD: $CI_COMMIT_SHA${registry}
  cache:
    key:
      files:
        - ${lockfileOf(facts)}
    paths:
      - .package-cache/
    policy: pull
  before_script:
${setup(facts)}    - ${install}
    # The configuration of docker, which every tool reads; outside of the checkout, so that no image can get it.
    - export DOCKER_CONFIG="$(mktemp -d)"
    - >-
      node -e 'const { REGISTRY_HOST: host, REGISTRY_LOGIN: login, REGISTRY_SECRET: secret, DOCKER_CONFIG } = process.env;
      const auth = Buffer.from(login + ":" + secret).toString("base64");
      require("fs").writeFileSync(DOCKER_CONFIG + "/config.json", JSON.stringify({ auths: { [host]: { auth } } }))'

# Merge requests read images and cache of the main branch and write nothing.${
    registryHost === undefined
      ? `
# The token of a GitLab job may push to the project's registry all the same. What keeps a hostile one out of the builds of
# the main branch is a signature: give the project the variable NX_REGISTRY_CACHE_SECRET, masked and protected.`
      : ''
  }
${name}:check:
  extends: .${name}
  variables:
    REGISTRY_HOST: ${host}
    REGISTRY_LOGIN: ${user}
    REGISTRY_SECRET: ${password}
    NX_BASE: $CI_MERGE_REQUEST_DIFF_BASE_SHA
    # "read-write" lets them keep a cache of their own, in the repository of untrustedCache.
    NX_REGISTRY_CACHE_ACCESS: read-only
  script:
    - ${nx} affected -t ${target} --outputStyle=static
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"

${name}:publish:
  extends: .${name}
  # The next build of the branch compares with this one.
  interruptible: false
  resource_group: ${name}
  cache:
    policy: pull-push
  variables:
    REGISTRY_HOST: ${host}
    REGISTRY_LOGIN: ${user}
    REGISTRY_SECRET: ${password}
  script:
    # The commit before the push; there is none for a new branch, which then compares with its last commit.
    - export NX_BASE="$CI_COMMIT_BEFORE_SHA"
    - git cat-file -e "$NX_BASE^{commit}" 2>/dev/null || export NX_BASE="$(git rev-parse --verify --quiet HEAD~1 || git rev-parse HEAD)"
    - ${nx} affected -t ${target} ${push} --outputStyle=static
  rules:
    - if: $CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == ${JSON.stringify(mainBranch)}
`;
}

function lockfileOf({ packageManager }: PipelineFacts): string {
  const files = { npm: 'package-lock.json', pnpm: 'pnpm-lock.yaml', yarn: 'yarn.lock', bun: 'bun.lock' } as const;
  return files[packageManager];
}

/** Makes the package manager available, its downloads in the folder that GitLab keeps. */
function setup({ packageManager }: PipelineFacts): string {
  switch (packageManager) {
    case 'npm':
      return '    - npm config set cache "$CI_PROJECT_DIR/.package-cache"\n';
    case 'pnpm':
      return '    - corepack enable\n    - pnpm config set store-dir "$CI_PROJECT_DIR/.package-cache"\n';
    case 'yarn':
      return '    - corepack enable\n    - export YARN_CACHE_FOLDER="$CI_PROJECT_DIR/.package-cache"\n';
    case 'bun':
      return '    - npm install --global bun\n    - export BUN_INSTALL_CACHE_DIR="$CI_PROJECT_DIR/.package-cache"\n';
  }
}
