import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import type { FileTree } from '../filetree/contract';
import { MemoryTree } from '../filetree/memory-tree';
import { digestOf, type Digest } from '../oci/digest';
import { ContentHasher } from './content-hash';
import { normalizeSelectors, outermostPaths, selectPath, type ContentSelector } from './content-selector';

const tree = (): MemoryTree =>
  new MemoryTree()
    .file('src/a.js', 'a')
    .file('src/b.js', 'b')
    .file('src/lib/c.js', 'c')
    .file('src/lib/c.txt', 'text')
    .file('src-other/a.js', 'other')
    .symlink('link', 'src')
    .symlink('src/to-a', 'a.js')
    .symlink('absolute', '/src/lib')
    .symlink('loop', 'loop');

const hash = (files: FileTree, selector: Partial<ContentSelector>, emptyRootHeader = false): Promise<Digest> =>
  new ContentHasher(files, { emptyRootHeader }).digest([{ ...selectPath('', { followLinks: true }), ...selector }]);

const header = (text: string): Digest => digestOf(`namemode${text}unamegnamedevmajor0devminor0`);

test('a file is its header and its content', async () => {
  const content = digestOf('namemode420uid0gid0size1typeflag0linknameunamegnamedevmajor0devminor0a');
  assert.equal(await hash(tree(), { path: 'src/a.js' }), digestOf(content));
});

test('owner, mode, capabilities and device numbers count; times, names and other attributes do not', async () => {
  const special = new MemoryTree()
    .file('same', 'x', { mtimeNs: 1n })
    .file('other', 'x', { mtimeNs: 2n, xattrs: new Map([['security.selinux', Buffer.from('y')]]) })
    .file('capable', 'x', { xattrs: new Map([['security.capability', Buffer.of(0, 0xff)]]) })
    .file('owned', 'x', { uid: 1000, gid: 1001, mode: 0o4755 })
    .special('null', 'char', { devMajor: 1, devMinor: 3, mode: 0o666 })
    .special('pipe', 'fifo');
  const of = (path: string): Promise<Digest> => hash(special, { path });
  assert.equal(await of('same'), await of('other'));
  assert.notEqual(await of('same'), await of('capable'));
  const owned = 'namemode2541uid1000gid1001size1typeflag0linknameunamegnamedevmajor0devminor0x';
  assert.equal(await of('owned'), digestOf(digestOf(owned)));
  const device = digestOf('namemode438uid0gid0size0typeflag3linknameunamegnamedevmajor1devminor3');
  assert.equal(await of('null'), digestOf(device));
  assert.equal(await of('pipe'), digestOf(header('420uid0gid0size0typeflag6linkname')));
});

test('a directory is a list: its header, then names with digests', async () => {
  const small = new MemoryTree().file('d/x', '');
  const list = `\0${header('493uid0gid0size0typeflag5linkname')}\0x${header('420uid0gid0size0typeflag0linkname')}`;
  assert.equal(await hash(small, { path: 'd' }), digestOf(digestOf(list)));
});

test('the root of a context has no header, that of an image has', async () => {
  const empty = new MemoryTree();
  assert.equal(await hash(empty, {}, true), digestOf(digestOf(`\0${digestOf('')}`)));
  assert.notEqual(await hash(empty, {}, false), await hash(empty, {}, true));
});

test('symlinks on the way are followed inside the root; the last one if asked for', async () => {
  const files = tree();
  const plain = await hash(files, { path: 'src' });
  assert.equal(await hash(files, { path: 'link' }), plain);
  assert.equal(await hash(files, { path: '/link/../link/lib/..' }), plain);
  assert.equal(await hash(files, { path: 'absolute' }), await hash(files, { path: 'src/lib' }));
  const symlink = digestOf(header('511uid0gid0size0typeflag2linknamesrc'));
  assert.equal(await hash(files, { path: 'link', followLinks: false }), symlink);
});

test('what does not exist is an error that names the path', async () => {
  await assert.rejects(hash(tree(), { path: 'nope/x' }), (error) => {
    assert.ok(isCodedError(error, 'CONTENT_NOT_FOUND'));
    assert.equal(error.message, '"/nope/x": not found');
    return true;
  });
  await assert.rejects(hash(tree(), { path: 'loop' }), (error) => isCodedError(error, 'PATH_LOOP'));
});

test('a wildcard is a list of what it matches, and nothing is the empty digest', async () => {
  const files = tree();
  const [a, b] = [await digestOfFile('a'), await digestOfFile('b')];
  assert.equal(await hash(files, { path: 'src/*.js', wildcard: true }), digestOf(digestOf(`\0a.js${a}\0b.js${b}`)));
  assert.equal(await hash(files, { path: 'src/?.js', wildcard: true }), digestOf(digestOf(`\0a.js${a}\0b.js${b}`)));
  assert.equal(await hash(files, { path: 'none*', wildcard: true }), digestOf(digestOf('')));
  assert.equal(
    await hash(files, { path: 'link/[ab].js', wildcard: true }),
    await hash(files, { path: 'src/[ab].js', wildcard: true }),
  );
  assert.equal(await hash(files, { path: 'src/a.j*', wildcard: true }), digestOf(digestOf(`\0a.js${a}`)));
});

test('a wildcard that matches a directory takes its header and all in it, not its sum', async () => {
  const files = new MemoryTree().file('p1/x', 'x').file('p2', '2').file('q', 'q');
  const directory = header('493uid0gid0size0typeflag5linkname');
  const list = `\0p1${directory}\0p1\0x${await digestOfFile('x')}\0p2${await digestOfFile('2')}`;
  assert.equal(await hash(files, { path: 'p*', wildcard: true }), digestOf(digestOf(list)));
});

test('excludes leave entries out, and a directory that is left out stays if something in it does', async () => {
  const files = tree();
  const directory = header('493uid0gid0size0typeflag5linkname');
  const list = `\0${directory}\0lib${directory}\0lib\0c.txt${await digestOfFile('text')}`;
  const excludePatterns = ['**/*.js', 'to-a', 'lib', '!lib/c.txt'];
  assert.equal(await hash(files, { path: 'src', excludePatterns }), digestOf(digestOf(list)));
});

test('includes take entries with the directories on the way, and required paths have to be among them', async () => {
  const files = tree();
  const directory = header('493uid0gid0size0typeflag5linkname');
  const includePatterns = ['src/lib/*.txt'];
  const list = `\0src${directory}\0src\0lib${directory}\0src\0lib\0c.txt${await digestOfFile('text')}`;
  assert.equal(await hash(files, { path: '/', includePatterns }), digestOf(digestOf(list)));
  assert.ok(await hash(files, { path: '/', includePatterns, requiredPaths: ['/src/lib'] }));
  await assert.rejects(hash(files, { path: '/', includePatterns, requiredPaths: ['/nope'] }), /"\/nope": not found/);
});

test('a malformed pattern is an error', async () => {
  const invalid = (error: unknown): boolean => isCodedError(error, 'CONTENT_PATTERN_INVALID');
  await assert.rejects(hash(tree(), { path: 'src/[', wildcard: true }), invalid);
  await assert.rejects(hash(tree(), { path: 'src', excludePatterns: ['['] }), invalid);
});

test('names sort by their UTF-8 bytes, and bytes that are no UTF-8 count as they are', async () => {
  const names = ['\u{10000}', '\uffee', '\udcff'];
  const files = new MemoryTree();
  for (const name of names) files.file(`d/${name}`, 'x');
  const sum = await digestOfFile('x');
  const expected = createHash('sha256')
    .update(`\0${header('493uid0gid0size0typeflag5linkname')}`)
    .update(`\0\uffee${sum}\0\u{10000}${sum}`)
    .update(Buffer.concat([Buffer.of(0, 0xff), Buffer.from(sum)]))
    .digest('hex');
  assert.equal(await hash(files, { path: 'd' }), digestOf(`sha256:${expected}`));
});

test('each file is read once, however many selectors want it, and no more than a few at a time', async () => {
  const files = new MemoryTree();
  for (let index = 0; index < 100; index++) files.file(`d/${index}`, 'x');
  let opened = 0;
  const counting: FileTree = {
    lookup: (path) => files.lookup(path),
    list: (path) => files.list(path),
    open: (path) => {
      opened++;
      return files.open(path);
    },
  };
  const hasher = new ContentHasher(counting, { emptyRootHeader: false });
  const selectors = ['d', 'd/1', ''].map((path) => selectPath(path, { followLinks: true }));
  await Promise.all([hasher.digest(selectors), hasher.digest(selectors)]);
  assert.equal(opened, 100);
});

test('selectors of one input: those below others go, the rest is sorted', () => {
  assert.deepEqual(outermostPaths(['/b', '/a/x', '/a', '/ab', '/b']), ['/a', '/ab', '/b']);
  assert.deepEqual(outermostPaths(['/a/', '/a']), ['/a']);
  assert.deepEqual(outermostPaths(['/a/']), ['/a/']);
  assert.deepEqual(outermostPaths(['/x', '/']), ['/']);
  const wildcard = { ...selectPath('m*', { followLinks: true }), wildcard: true };
  const selectors = [selectPath('z', { followLinks: true }), wildcard, selectPath('a', { followLinks: true })];
  assert.deepEqual(
    normalizeSelectors(selectors).map(({ path }) => path),
    ['a', 'm*', 'z'],
  );
});

async function digestOfFile(content: string): Promise<Digest> {
  return Promise.resolve(
    digestOf(`namemode420uid0gid0size${content.length}typeflag0linknameunamegnamedevmajor0devminor0${content}`),
  );
}
