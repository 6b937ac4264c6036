import assert from 'node:assert/strict';
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { buildOnEmptyState, pushTo, sources, targets } from '../testing/embedded-build';
import { goldenWithLayers, whyNoGolden } from '../testing/golden-build';
import { unpackImage } from '../testing/image-files';
import { missed, RealBuildKit } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';

// Trees with everything that a layer can say of a file, built from nothing by either side, and from the other's cache.

let directory: TemporaryDirectory;
let registry: TestRegistry;
let buildkit: RealBuildKit | string;

before(async () => {
  buildkit = whyNoGolden() ?? (await RealBuildKit.open());
  if (typeof buildkit === 'string') return;
  directory = await TemporaryDirectory.create();
  registry = await TestRegistry.start(directory.join('registry'));
  await registry.serveLayouts(goldenWithLayers());
});

after(async () => {
  if (typeof buildkit === 'string') return;
  await registry[Symbol.asyncDispose]();
  await buildkit[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

interface Tree {
  readonly name: string;
  /** After the line that names the base. */
  readonly dockerfile: string;
  /** Paths that have to be there, so that no empty images are compared. */
  readonly paths: readonly string[];
  readonly gone?: readonly string[];
}

const trees: readonly Tree[] = [
  {
    name: 'links',
    dockerfile: `RUN mkdir -p /t/d && echo one > /t/a && ln /t/a /t/b && ln /t/a /t/d/c && ln -s a /t/soft && ln -s /none /t/lost
RUN ln -s ../t /t/d/up && echo two > /t/e && ln /t/e /t/d/f
COPY tree /copied
FROM first
COPY --from=first /t /again
`,
    paths: ['t/b', 't/d/c', 't/d/f', 't/lost', 'copied/hard', 'copied/soft', 'again/b', 'again/d/up'],
  },
  {
    name: 'modes-and-owners',
    dockerfile: `RUN mkdir -m 1777 /t && echo x > /t/s && chmod 6755 /t/s && echo y > /t/n && chmod 0000 /t/n && chown 123:456 /t/n
RUN mkdir -m 2750 /t/group && chown 5:6 /t/group && mkfifo -m 0604 /t/pipe && mknod /t/null c 1 3
COPY --chown=7:8 --chmod=0640 tree /owned
COPY --chown=app tree/plain /by-name
USER app
RUN echo mine > /t/mine
`,
    paths: ['t/s', 't/n', 't/group', 't/pipe', 't/null', 'owned/plain', 'by-name', 't/mine'],
  },
  {
    name: 'whiteouts',
    dockerfile: `COPY tree /t
RUN mkdir -p /u/v/w && echo 1 > /u/v/w/1 && echo 2 > /u/v/2 && echo 3 > /file
RUN rm -r /t/deep && rm /t/plain && rm -r /u/v && mkdir /u/v && echo new > /u/v/new
RUN rm /file && mkdir /file && echo in > /file/in && rm -r /u && echo flat > /u
COPY tree/plain /t/plain
`,
    paths: ['t/plain', 't/soft', 'file/in', 'u'],
    gone: ['t/deep', 't/deep/er/file', 'u/v', 'u/v/w/1'],
  },
  {
    name: 'names',
    dockerfile: `COPY tree /t
RUN mkdir -p "/t/with space" "/t/ümlaut" /t/$(printf 'a%.0s' $(seq 1 120))/$(printf 'b%.0s' $(seq 1 120)) && touch "/t/with space/ü" "/t/-dash" "/t/quo\\"te" && touch /t/$(printf 'a%.0s' $(seq 1 120))/$(printf 'b%.0s' $(seq 1 120))/$(printf 'c%.0s' $(seq 1 120))
RUN ln -s /t/$(printf 'x%.0s' $(seq 1 200)) /t/far
`,
    paths: ['t/with space/ü', 't/-dash', 't/quo"te', 't/far', 't/späce and $ign', `t/${'a'.repeat(120)}`],
  },
];

async function layOut(name: string): Promise<string> {
  const context = directory.join(name);
  const files = {
    plain: 'plain\n',
    'deep/er/file': 'deep\n',
    'späce and $ign': 'odd\n',
    empty: '',
    'script.sh': '#!/bin/sh\n',
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(context, 'tree', path)), { recursive: true });
    await writeFile(join(context, 'tree', path), text);
  }
  await chmod(join(context, 'tree/script.sh'), 0o755);
  await mkdir(join(context, 'tree/nothing'));
  await symlink('plain', join(context, 'tree/soft'));
  await link(join(context, 'tree/plain'), join(context, 'tree/hard'));
  return context;
}

for (const { name, dockerfile, paths, gone = [] } of trees) {
  test(`${name}: the same tree from either side, from nothing and from the other's cache`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    const context = await layOut(name);
    const file = join(context, 'Dockerfile');
    const text = `FROM ${registry.host}/golden/base:1 AS first\n${dockerfile}`;
    await writeFile(file, text);
    const image = (side: string): string => `${registry.host}/tree/${name}:${side}`;
    const cache = (side: string): string => `type=registry,ref=${registry.host}/tree-cache/${name}:${side}`;
    const embedded = { context, dockerfile: { path: file, text } };
    const options = { directory: directory.path };
    await buildkit.prune();
    await buildkit.build({ context, cacheTo: [`${cache('buildkit')},mode=max`], push: image('buildkit') });
    const cacheTo = targets(`${cache('embedded')},mode=max`);
    await buildOnEmptyState({ ...embedded, cacheTo, ...pushTo(image('embedded')) }, options);
    await buildkit.prune();
    const back = await buildkit.build({ context, cacheFrom: [cache('embedded')], push: image('from-embedded') });
    assert.deepEqual(missed(back.steps), []);
    const cacheFrom = sources(cache('buildkit'));
    const there = await buildOnEmptyState({ ...embedded, cacheFrom, ...pushTo(image('from-buildkit')) }, options);
    assert.deepEqual(missed(there.steps), []);

    const store = registry.repository(`tree/${name}`);
    const { files } = await unpackImage(store, 'buildkit');
    for (const known of paths) assert.ok(files[known], `${known} is in the image`);
    for (const removed of gone) assert.equal(files[removed], undefined, `${removed} is not in the image`);
    for (const side of ['embedded', 'from-embedded', 'from-buildkit']) {
      const other = (await unpackImage(store, side)).files;
      // The whole trees would be a message of a thousand lines.
      for (const path of new Set([...Object.keys(files), ...Object.keys(other)])) {
        assert.deepEqual(other[path], files[path], `${path} of ${side}`);
      }
    }
  });
}
