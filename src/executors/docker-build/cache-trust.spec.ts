import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { copyGraph } from '../../content/copy';
import { parseImageManifest } from '../../oci/manifest';
import { FakeRegistry } from '../../testing/fake-registry';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import { engineFor } from './engine-for';
import { runBuild } from './run-build';

type Environment = Readonly<Record<string, string>>;

const main: Environment = { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'main', CI_DEFAULT_BRANCH: 'main' };
/** A merge request of a fork whose branch is called like the one that is trusted. */
const fork: Environment = {
  GITLAB_CI: 'true',
  CI_MERGE_REQUEST_IID: '7',
  CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'main',
  CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main',
  CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '2',
  CI_MERGE_REQUEST_PROJECT_ID: '1',
  CI_COMMIT_REF_NAME: 'main',
  CI_DEFAULT_BRANCH: 'main',
};
const secret = 'a secret of some length';
const otherSecret = 'another one of some length';

interface Build {
  readonly env: Environment;
  /** What the copied file says. */
  readonly text?: string;
  readonly options?: DockerBuildOptions;
}

/** The executor on machines that share a registry and nothing else. */
class Rig implements AsyncDisposable {
  #machines = 0;

  private constructor(
    readonly registry: FakeRegistry,
    private readonly directory: TemporaryDirectory,
  ) {}

  static async start(t: TestContext): Promise<Rig> {
    const rig = new Rig(await FakeRegistry.start(), await TemporaryDirectory.create());
    t.after(() => rig[Symbol.asyncDispose]());
    return rig;
  }

  /** Builds on a new machine; only the requests of this build stay logged. */
  async build({ env, options = {}, text = 'good' }: Build): Promise<string> {
    const machine = await TemporaryDirectory.create();
    try {
      await writeFile(join(machine.path, 'Dockerfile'), 'FROM scratch AS app\nCOPY file /\n');
      await writeFile(join(machine.path, 'file'), text);
      this.registry.clearLog();
      let output = '';
      const hostPlatform = { os: 'linux', architecture: 'amd64' };
      const { signal } = new AbortController();
      const { success } = await runBuild(
        {
          cache: `${this.registry.host}/acme/cache`,
          tags: [`${this.registry.host}/acme/app:${++this.#machines}`],
          push: true,
          engine: 'embedded',
          stateDir: join(machine.path, 'state'),
          ...options,
        },
        {
          workspaceRoot: machine.path,
          projectName: 'api',
          projectRoot: '.',
          env,
          homeDirectory: this.directory.path,
          hostPlatform,
        },
        {
          write: (part) => void (output += part),
          now: Date.now,
          isTerminal: false,
          terminalSize: () => ({ columns: 80, rows: 24 }),
          isVerbose: false,
          signal,
          createEngine: (plan) => engineFor(plan, { env, signal }),
        },
      );
      assert.ok(success, output);
      return output;
    } finally {
      await machine[Symbol.asyncDispose]();
    }
  }

  async tags(repository = 'acme/cache'): Promise<readonly string[]> {
    const tags: string[] = [];
    for await (const tag of this.registry.repository(repository).tags()) tags.push(tag);
    return tags.sort();
  }

  /** Requests of the latest build by method, of one repository. */
  requests(repository: string): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { method, target } of this.registry.log) {
      if (target.startsWith(`/v2/${repository}/`)) counts[method] = (counts[method] ?? 0) + 1;
    }
    return counts;
  }

  /** Layers of what a tag points at. */
  async layers(repository: string, tag: string): Promise<readonly string[]> {
    const stored = await this.registry.repository(repository).getManifest(tag);
    assert.ok(stored, `${repository}:${tag}`);
    return parseImageManifest(stored.bytes).layers.map(({ digest }) => digest);
  }

  /** Layers of the image that the latest build pushed. */
  pushedLayers(): Promise<readonly string[]> {
    return this.layers('acme/app', String(this.#machines));
  }

  /**
   * Puts what an attacker built in place of what a build of `good` writes, under its very tags, and gives its layers.
   * `rename` gives the tag under which each tag of the attacker's goes.
   */
  async poison(
    repository: string,
    rename: (tag: string, good: string, evil: string) => string,
  ): Promise<readonly string[]> {
    const at = (name: string): DockerBuildOptions => ({ cache: `${this.registry.host}/${name}`, trust: 'open' });
    await this.build({ env: {}, options: at('acme/good') });
    await this.build({ env: {}, options: at('acme/evil'), text: 'evil' });
    const evil = keyOf(await this.tags('acme/evil'), /^app-(\w+)$/);
    const images = keyOf(await this.tags('acme/evil'), /^app-(\w+)-image$/);
    const goodTags = await this.tags('acme/good');
    const source = this.registry.repository('acme/evil');
    const target = this.registry.repository(repository);
    for (const [from, to] of [
      [evil, keyOf(goodTags, /^app-(\w+)$/)],
      [images, keyOf(goodTags, /^app-(\w+)-image$/)],
    ] as const) {
      for (const tag of (await this.tags('acme/evil')).filter((each) => each.includes(from))) {
        await copyGraph({ source, target }, tag, { tag: rename(tag, to, from) });
      }
    }
    return this.layers('acme/evil', `app-${images}-image`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

function keyOf(tags: readonly string[], pattern: RegExp): string {
  const key = tags.map((tag) => pattern.exec(tag)?.[1]).find((found) => found !== undefined);
  assert.ok(key, tags.join(' '));
  return key;
}

const replaceKey = (tag: string, good: string, evil: string): string => tag.replace(evil, good);

test('what a fork writes, main does not use, though it has the very tags, before and while main builds', async (t) => {
  const r = await Rig.start(t);
  const [evil] = await r.poison('acme/cache-untrusted', replaceKey);
  await Promise.all([r.build({ env: main }), r.build({ env: fork, text: 'evil' })]);
  assert.match(await r.build({ env: main }), /the image is there/);
  assert.deepEqual(r.requests('acme/cache-untrusted'), {});
  assert.ok(evil && !(await r.pushedLayers()).includes(evil));
  // The attack is one: who reads that repository gets it.
  await r.build({ env: fork, options: { cache: `${r.registry.host}/acme/cache-untrusted`, trust: 'open' } });
  assert.ok((await r.pushedLayers()).includes(evil));
});

test('a fork reads what main wrote, and writes a repository of its own', async (t) => {
  const r = await Rig.start(t);
  await r.build({ env: main });
  const before = await r.tags();
  assert.match(await r.build({ env: fork }), /the image is there/);
  await r.build({ env: fork, text: 'changed' });
  assert.deepEqual(
    Object.keys(r.requests('acme/cache')).filter((method) => method !== 'HEAD' && method !== 'GET'),
    [],
  );
  assert.deepEqual(await r.tags(), before);
  const own = await r.tags('acme/cache-untrusted');
  assert.ok(
    own.some((tag) => tag.startsWith('scope-pull-7-main--api-')),
    own.join(' '),
  );
  assert.match(await r.build({ env: fork, text: 'changed' }), /the image is there/);
});

test('a scope is read where stage refs do not do, and belongs to one target of one branch', async (t) => {
  const r = await Rig.start(t);
  await r.build({ env: main });
  assert.ok((await r.tags()).includes('scope-main--api'), (await r.tags()).join(' '));
  const cache = r.registry.repository('acme/cache');
  for (const tag of await r.tags()) {
    if (!tag.startsWith('scope-')) await cache.deleteManifest(tag);
  }
  assert.match(await r.build({ env: main }), /image was put together|hit/);
});

for (const [name, env, rename] of [
  ['unsigned', {}, replaceKey],
  ['signed by someone else', { NX_REGISTRY_CACHE_SECRET: otherSecret }, replaceKey],
  ['signed for another key', { NX_REGISTRY_CACHE_SECRET: secret }, replaceKey],
] as const) {
  test(`with a secret, what is ${name} is a miss, says so, and is written anew`, async (t) => {
    const r = await Rig.start(t);
    const [evil] = await r.poison('acme/cache', rename);
    if ('NX_REGISTRY_CACHE_SECRET' in env) await signEvil(r, env);
    const signing = { ...main, NX_REGISTRY_CACHE_SECRET: secret };
    const output = await r.build({ env: signing });
    assert.match(output, /app +miss +its ref has no signature that counts/);
    assert.ok(evil && !(await r.pushedLayers()).includes(evil));
    assert.match(await r.build({ env: signing }), /the image is there/);
    assert.ok(!(await r.pushedLayers()).includes(evil));
    assert.doesNotMatch(output, new RegExp(secret));
  });
}

/** The attacker's own build, signed by whatever secret there is, and its signatures moved under the victim's tags. */
async function signEvil(r: Rig, env: Environment): Promise<void> {
  const options: DockerBuildOptions = { cache: `${r.registry.host}/acme/signed`, trust: 'open' };
  await r.build({ env, options, text: 'evil' });
  const source = r.registry.repository('acme/signed');
  const target = r.registry.repository('acme/cache');
  const signed = await r.tags('acme/signed');
  const victims = await r.tags();
  for (const signature of signed.filter((tag) => /\.[0-9a-f]{32}$/.test(tag))) {
    const isImage = signature.includes('-image.');
    const tag = victims.find((each) => each.startsWith('app-') && each.endsWith('-image') === isImage);
    if (!tag || signature.startsWith('scope-')) continue;
    const own = signature.slice(0, signature.lastIndexOf('.'));
    await copyGraph({ source, target }, own, { tag });
    await copyGraph({ source, target }, signature, { tag: `${tag}${signature.slice(own.length)}` });
  }
}

test('signed refs are hits, also when the secret is about to change', async (t) => {
  const r = await Rig.start(t);
  await r.build({ env: { ...main, NX_REGISTRY_CACHE_SECRET: secret } });
  const env = { ...main, NX_REGISTRY_CACHE_SECRET: `${otherSecret},${secret}` };
  assert.match(await r.build({ env }), /the image is there/);
  await r.build({ env, text: 'changed' });
  assert.match(
    await r.build({ env: { ...main, NX_REGISTRY_CACHE_SECRET: otherSecret }, text: 'changed' }),
    /the image is there/,
  );
  assert.deepEqual(r.requests('acme/cache'), { GET: 1, HEAD: 1 });
});

test('read-only asks and never writes; the variable wins over the option', async (t) => {
  const r = await Rig.start(t);
  const env = { ...main, NX_REGISTRY_CACHE_ACCESS: 'read-only' };
  const cacheTo = [`${r.registry.host}/acme/cache:other`];
  await r.build({ env, options: { cacheAccess: 'read-write', cacheTo } });
  const methods = Object.keys(r.requests('acme/cache'));
  assert.ok(methods.length > 0);
  assert.deepEqual(
    methods.filter((method) => method !== 'GET' && method !== 'HEAD'),
    [],
  );
});

test('off asks nothing of any cache', async (t) => {
  const r = await Rig.start(t);
  await r.build({ env: main });
  const cacheFrom = [`${r.registry.host}/acme/cache:scope-main--api`];
  await r.build({ env: { ...main, NX_REGISTRY_CACHE_ACCESS: 'off' }, options: { cacheFrom, cacheTo: cacheFrom } });
  assert.deepEqual([r.requests('acme/cache'), r.requests('acme/cache-untrusted')], [{}, {}]);
  assert.ok((await r.pushedLayers()).length > 0);
});

test('a secret is printed nowhere, mistakes included', async (t) => {
  const r = await Rig.start(t);
  const env = { ...main, NX_REGISTRY_CACHE_SECRET: secret };
  const options = { buildArgs: { A: '{env.NX_REGISTRY_CACHE_SECRET}' }, shmSize: '$NX_REGISTRY_CACHE_SECRET' };
  await assert.rejects(r.build({ env, options }), (error: Error) => {
    assert.match(error.message, /OPTION_INVALID[^]*\*\*\*/);
    assert.doesNotMatch(error.message, new RegExp(secret));
    return true;
  });
});
