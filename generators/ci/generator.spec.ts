import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { parse } from 'yaml';
import ci from './generator';

interface GithubStep {
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}
interface GithubJob {
  readonly if: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly steps: readonly GithubStep[];
}
interface Workflow {
  readonly permissions: object;
  readonly jobs: Readonly<Record<'check' | 'publish', GithubJob>>;
}

const nxJson = (options: object): string =>
  JSON.stringify({ defaultBase: 'trunk', plugins: [{ plugin: 'nx-registry-cache', options }] });

test('GitHub: full history, base and head, login, and rights only where they are needed', () => {
  const tree = createTreeWithEmptyWorkspace();
  tree.write('nx.json', nxJson({ registry: 'ghcr.io/acme' }));
  ci(tree, {});
  const workflow = parse(tree.read('.github/workflows/docker-build.yml', 'utf8')!) as Workflow;
  assert.deepEqual(workflow.permissions, {});
  const { check, publish } = workflow.jobs;
  assert.deepEqual(check.permissions, { contents: 'read', actions: 'read', packages: 'read' });
  assert.deepEqual(publish.permissions, { contents: 'read', actions: 'read', packages: 'write' });
  for (const { steps } of [check, publish]) {
    assert.equal(steps[0]?.with?.['fetch-depth'], 0);
    assert.equal(steps[0].with['persist-credentials'], false);
    const order = steps.map(({ uses, run }) => uses?.split('@')[0] ?? run?.split(' ')[1]);
    assert.deepEqual(order, [
      'actions/checkout',
      'actions/setup-node',
      'ci',
      'nrwl/nx-set-shas',
      'docker/login-action',
      'nx',
    ]);
    assert.equal(steps[4]?.with?.['registry'], 'ghcr.io');
  }
  assert.match(publish.steps.at(-1)!.run!, /affected -t docker-build --configuration=ci/);
  assert.doesNotMatch(check.steps.at(-1)!.run!, /configuration|push/);
  assert.deepEqual(check.steps.at(-1)!.env, { NX_REGISTRY_CACHE_ACCESS: 'read-only' });
  assert.deepEqual(Object.keys(publish.steps.at(-1)!.env ?? {}), ['NX_REGISTRY_CACHE_SECRET']);
  assert.match(tree.read('.github/workflows/docker-build.yml', 'utf8')!, /branches: \["trunk"\]/);
});

test("GitHub with another registry: its own credentials, which a fork's pull request has not", () => {
  const tree = createTreeWithEmptyWorkspace();
  tree.write('nx.json', nxJson({ registry: 'r.example.com/acme', targetName: 'image', ciConfiguration: false }));
  tree.write('pnpm-lock.yaml', '');
  ci(tree, { ci: 'github', name: 'images' });
  const { jobs } = parse(tree.read('.github/workflows/images.yml', 'utf8')!) as Workflow;
  assert.deepEqual(jobs.publish.permissions, { contents: 'read', actions: 'read' });
  const login = jobs.check.steps.find(({ uses = '' }) => uses.startsWith('docker/login-action'));
  assert.match(login?.if ?? '', /head.repo.full_name == github.repository/);
  assert.equal(login?.with?.['registry'], 'r.example.com');
  assert.equal(jobs.publish.steps.at(-1)!.run, 'pnpm nx affected -t image --push --outputStyle=static');
});

interface GitlabJob {
  readonly variables?: Readonly<Record<string, string>>;
  readonly before_script?: readonly string[];
  readonly script?: readonly string[];
  readonly rules?: readonly { readonly if: string }[];
}

test('GitLab: merge requests write nothing, the main branch pushes', () => {
  const tree = createTreeWithEmptyWorkspace();
  tree.write('nx.json', nxJson({}));
  ci(tree, { ci: 'gitlab' });
  const jobs = parse(tree.read('.gitlab-ci.yml', 'utf8')!) as Readonly<Record<string, GitlabJob>>;
  const base = jobs['.docker-build']!;
  assert.equal(base.variables?.['GIT_DEPTH'], '0');
  assert.equal(base.variables['NX_DOCKER_CACHE_REGISTRY'], '$CI_REGISTRY_IMAGE');
  assert.ok(base.before_script?.every((line) => typeof line === 'string'));
  const check = jobs['docker-build:check']!;
  assert.equal(check.variables?.['NX_BASE'], '$CI_MERGE_REQUEST_DIFF_BASE_SHA');
  assert.equal(check.variables['NX_REGISTRY_CACHE_ACCESS'], 'read-only');
  assert.deepEqual(check.script, ['npx nx affected -t docker-build --outputStyle=static']);
  const publish = jobs['docker-build:publish']!;
  assert.equal(publish.variables?.['NX_REGISTRY_CACHE_ACCESS'], undefined);
  assert.match(publish.script!.at(-1)!, /--configuration=ci/);
  assert.match(publish.rules![0]!.if, /\$CI_COMMIT_BRANCH == "trunk"/);
});

test('a .gitlab-ci.yml that is there stays; the jobs come as a file to include', () => {
  const tree = createTreeWithEmptyWorkspace();
  tree.write('.gitlab-ci.yml', 'test:\n  script: [x]\n');
  ci(tree, {});
  assert.equal(tree.read('.gitlab-ci.yml', 'utf8'), 'test:\n  script: [x]\n');
  assert.ok(tree.exists('.gitlab/docker-build.gitlab-ci.yml'));
});

test('a second run changes nothing, and an edited file is not overwritten', () => {
  const tree = createTreeWithEmptyWorkspace();
  for (const system of ['github', 'gitlab'] as const) {
    const file = system === 'github' ? '.github/workflows/docker-build.yml' : '.gitlab-ci.yml';
    ci(tree, { ci: system });
    const first = tree.read(file, 'utf8')!;
    ci(tree, { ci: system });
    assert.equal(tree.read(file, 'utf8'), first);
    tree.write(file, `${first}# mine\n`);
    ci(tree, { ci: system });
    assert.equal(tree.read(file, 'utf8'), `${first}# mine\n`);
    ci(tree, { ci: system, force: true });
    assert.equal(tree.read(file, 'utf8'), first);
  }
});
