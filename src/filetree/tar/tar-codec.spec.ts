import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink, link, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCodedError } from '../../diagnostics/coded-error';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import { BLOCK_BYTES, MAX_META_BYTES, paddingOf } from './tar-format';
import type { TarHeader, TarMember } from './tar-header';
import { encodeHeader, endOfTar } from './tar-header-encoder';
import { formatPaxRecords, parsePaxRecords } from './pax-records';
import { parseTarNumber } from './tar-number';
import { TarScanner } from './tar-scanner';

const plain: TarHeader = {
  name: 'a',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 0n,
  linkName: '',
  devMajor: 0,
  devMinor: 0,
};

function scan(tar: Buffer, chunkBytes = tar.length || 1): TarMember[] {
  const members: TarMember[] = [];
  const scanner = new TarScanner((member) => members.push(member));
  for (let start = 0; start < tar.length; start += chunkBytes) scanner.push(tar.subarray(start, start + chunkBytes));
  scanner.end();
  return members;
}

function pack(...members: readonly (readonly [TarHeader, Buffer?])[]): Buffer {
  const parts = members.flatMap(([header, content = Buffer.alloc(0)]) => [
    encodeHeader(header),
    content,
    Buffer.alloc(paddingOf(content.length)),
  ]);
  return Buffer.concat([...parts, endOfTar]);
}

/** A header block with fields overwritten and the checksum made right again. */
function forge(header: TarHeader, fields: readonly (readonly [offset: number, bytes: string | Buffer])[]): Buffer {
  const block = Buffer.from(encodeHeader(header).subarray(-BLOCK_BYTES));
  for (const [offset, bytes] of fields) Buffer.from(bytes as string).copy(block, offset);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function meta(flag: string, body: Buffer): Buffer {
  const header = forge({ ...plain, name: 'meta', size: body.length }, [[156, flag]]);
  return Buffer.concat([header, body, Buffer.alloc(paddingOf(body.length))]);
}

function refuses(tar: Buffer, reason: RegExp): void {
  assert.throws(
    () => scan(tar),
    (error) => isCodedError(error, 'TAR_INVALID') && reason.test(error.detail.reason),
    String(reason),
  );
}

const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 120 })
  .filter((text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text));
const header = fc.record({
  name: fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/').replace(/\/+$/, 'x')),
  type: fc.constantFrom('file', 'hardlink', 'symlink', 'char', 'block', 'fifo' as const),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 0xffff_fffe }),
  gid: fc.integer({ min: 0, max: 0xffff_fffe }),
  size: fc.constant(0),
  mtimeNs: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((seconds) => BigInt(seconds) * 1_000_000_000n),
  linkName: name,
  devMajor: fc.integer({ min: 0, max: 4095 }),
  devMinor: fc.integer({ min: 0, max: 0x1f_ffff }),
  xattrs: fc.option(
    fc.dictionary(fc.stringMatching(/^[a-z.]{1,30}$/), fc.uint8Array({ minLength: 1, maxLength: 80 }), { minKeys: 1 }),
  ),
});

test('what is written is what is read, however it is cut into chunks', () => {
  fc.assert(
    fc.property(fc.array(header, { maxLength: 5 }), fc.integer({ min: 1, max: 2000 }), (headers, chunkBytes) => {
      const members = headers.map(({ xattrs, ...rest }): TarHeader => {
        const values = Object.entries(xattrs ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const);
        return { ...rest, ...(values.length > 0 && { xattrs: new Map(values) }) };
      });
      const read = scan(pack(...members.map((member) => [member] as const)), chunkBytes).map((found) => found.header);
      assert.deepEqual(read, members);
    }),
  );
});

test('a tar is small where ustar can say it all, and has pax headers where it cannot', () => {
  assert.equal(encodeHeader(plain).length, BLOCK_BYTES);
  for (const special of [
    { name: 'x'.repeat(101) },
    { name: 'ö' },
    { uid: 0o10000000 },
    { mtimeNs: -1n },
    { size: 8 * 1024 ** 3 },
    { xattrs: new Map([['user.a', Buffer.from([0])]]) },
  ]) {
    assert.equal(encodeHeader({ ...plain, ...special }).length, 3 * BLOCK_BYTES, JSON.stringify(Object.keys(special)));
  }
});

test('times are written as whole seconds, rounded down', () => {
  const [member] = scan(pack([{ ...plain, mtimeNs: 1_999_999_999n }]));
  assert.equal(member?.header.mtimeNs, 1_000_000_000n);
  assert.equal(scan(pack([{ ...plain, mtimeNs: -1n }]))[0]?.header.mtimeNs, -1_000_000_000n);
});

test('random bytes never do anything but parse or be refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      try {
        scan(Buffer.from(bytes), 100);
      } catch (error) {
        assert.ok(isCodedError(error, 'TAR_INVALID'));
      }
    }),
  );
});

test('GNU tar lists and unpacks what we write', async () => {
  await using temporary = await TemporaryDirectory.create();
  const directory = temporary.path;
  const long = `${'d'.repeat(90)}/${'f'.repeat(120)}`;
  const tar = pack(
    [{ ...plain, name: 'dir/', type: 'directory', mode: 0o755 }],
    [{ ...plain, name: `${'d'.repeat(90)}/`, type: 'directory', mode: 0o755 }],
    [{ ...plain, name: long, size: 5 }, Buffer.from('hello')],
    [{ ...plain, name: 'dir/ünï', size: 600 }, Buffer.alloc(600, 'x')],
    [{ ...plain, name: 'dir/link', type: 'symlink', linkName: 'ünï', mode: 0o777 }],
    [{ ...plain, name: 'dir/hard', type: 'hardlink', linkName: 'dir/ünï' }],
  );
  const file = join(directory, 'a.tar');
  await writeFile(file, tar);
  const listed = execFileSync('tar', ['-tf', file, '--quoting-style=literal'], { encoding: 'utf8' });
  assert.deepEqual(listed.trim().split('\n'), ['dir/', `${'d'.repeat(90)}/`, long, 'dir/ünï', 'dir/link', 'dir/hard']);
  execFileSync('tar', ['-xf', file, '-C', directory, '--no-same-owner']);
  assert.equal(await readFile(join(directory, long), 'utf8'), 'hello');
  assert.equal(await readFile(join(directory, 'dir/hard'), 'utf8'), 'x'.repeat(600));
});

for (const format of ['v7', 'ustar', 'gnu', 'oldgnu', 'pax']) {
  test(`GNU tar's format ${format} is read`, async () => {
    await using temporary = await TemporaryDirectory.create();
    const directory = temporary.path;
    const long = format === 'v7' ? 'short' : 'l'.repeat(90);
    await mkdir(join(directory, 'in', long), { recursive: true });
    await writeFile(join(directory, 'in', long, 'file'), 'content');
    await symlink('file', join(directory, 'in', long, 'link'));
    await link(join(directory, 'in', long, 'file'), join(directory, 'in', long, 'hard'));
    const deep = format === 'v7' ? 'deep' : `${'e'.repeat(60)}/${'f'.repeat(80)}`;
    await mkdir(join(directory, 'in', deep), { recursive: true });
    const tar = execFileSync('tar', ['-C', join(directory, 'in'), '--format', format, '--sort=name', '-cf', '-', '.']);
    const names = scan(tar, 700).map(({ header: found }) => `${found.type} ${found.name.replace(/^\.\//, '')}`);
    assert.ok(names.includes(`directory ${deep}/`), names.join('\n'));
    assert.ok(names.includes(`file ${long}/file`) && names.includes(`hardlink ${long}/hard`));
    const file = scan(tar).find(({ header: found }) => found.name.endsWith('/file'));
    assert.equal(tar.toString('utf8', file?.dataOffset, (file?.dataOffset ?? 0) + 7), 'content');
  });
}

test('hostile and broken archives are refused', () => {
  const ok = pack([{ ...plain, size: 3 }, Buffer.from('abc')]);
  refuses(ok.subarray(0, 514), /ends too early/);
  refuses(ok.subarray(0, 100), /ends too early/);
  refuses(Buffer.concat([encodeHeader(plain).fill(1, 0, 1)]), /checksum/);
  refuses(forge(plain, [[124, Buffer.from([0xff, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255])]]), /size/);
  refuses(forge(plain, [[124, Buffer.from([0x80, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255])]]), /size/);
  refuses(forge(plain, [[108, Buffer.from([0xff, 255, 255, 255, 255, 255, 255, 255])]]), /owner/);
  refuses(forge(plain, [[108, '99999999']]), /number in uid/);
  refuses(forge(plain, [[156, 'S']]), /sparse/);
  refuses(forge(plain, [[156, 'V']]), /unknown type/);
  refuses(forge({ ...plain, size: MAX_META_BYTES + 1 }, [[156, 'x']]), /meta data/);
  refuses(meta('x', Buffer.from('30 mtime=1\n')), /malformed pax/);
  refuses(Buffer.concat([meta('x', Buffer.from('11 path=a\0\n'.replace('11', '10')))]), /malformed pax/);
  const sparse = formatPaxRecords(new Map([['GNU.sparse.major', Buffer.from('1')]]));
  refuses(Buffer.concat([meta('x', sparse), pack([plain])]), /sparse/);
  const negative = formatPaxRecords(new Map([['size', Buffer.from('-1')]]));
  refuses(Buffer.concat([meta('x', negative), pack([plain])]), /pax size/);
  refuses(Buffer.concat([meta('L', Buffer.from('x'.repeat(5000))), pack([plain])]), /path of 5000/);
  refuses(Buffer.concat([meta('x', negative), endOfTar]), /header is missing/);
  refuses(Buffer.concat([Buffer.alloc(BLOCK_BYTES), encodeHeader(plain)]), /follows a block of zeros/);
});

test('pax records override a header, a GNU name overrides both, a global header changes nothing', () => {
  const pax = formatPaxRecords(
    new Map([
      ['path', Buffer.from('from-pax')],
      ['uid', Buffer.from('70000')],
      ['mtime', Buffer.from('12.5')],
      ['size', Buffer.from('4')],
    ]),
  );
  const global = formatPaxRecords(new Map([['path', Buffer.from('from-global')]]));
  const content = Buffer.concat([Buffer.from('data'), Buffer.alloc(508)]);
  const tar = Buffer.concat([meta('g', global), meta('x', pax), encodeHeader(plain), content, endOfTar]);
  const [member, ...others] = scan(tar);
  assert.deepEqual(others, []);
  assert.deepEqual(member?.header, { ...plain, name: 'from-pax', uid: 70000, mtimeNs: 12_500_000_000n, size: 4 });
  const named = Buffer.concat([
    meta('x', pax),
    meta('L', Buffer.from('gnu\0')),
    encodeHeader(plain),
    content,
    endOfTar,
  ]);
  assert.equal(scan(named)[0]?.header.name, 'gnu');
});

test('the claimed size of a meta member is its own, not that of a pax record before it', () => {
  const pax = formatPaxRecords(new Map([['size', Buffer.from('512')]]));
  const tar = Buffer.concat([
    meta('x', pax),
    meta('L', Buffer.from('name\0')),
    encodeHeader({ ...plain, size: 512 }),
    Buffer.alloc(512, 'c'),
    pack([{ ...plain, name: 'next' }]),
  ]);
  assert.deepEqual(
    scan(tar).map(({ header: found }) => found.name),
    ['name', 'next'],
  );
});

test('pax records survive a round trip, whatever their length', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-zA-Z.]+$/), fc.string({ maxLength: 1100 })), (records) => {
      const map = new Map(
        Object.entries(records).map(([key, value]) => [`SCHILY.xattr.${key}`, Buffer.from(value)] as const),
      );
      assert.deepEqual(parsePaxRecords(formatPaxRecords(map)), new Map([...map].sort()));
    }),
  );
});

test('numbers are octal or base-256', () => {
  assert.equal(parseTarNumber(Buffer.from('0000644\0')), 0o644);
  assert.equal(parseTarNumber(Buffer.from('   644 \0')), 0o644);
  assert.equal(parseTarNumber(Buffer.from('\0\0\0\0')), 0);
  assert.equal(parseTarNumber(Buffer.from([0x80, 0, 0, 1, 0])), 256);
  assert.equal(parseTarNumber(Buffer.from([0xff, 0xff, 0xff, 0xff])), -1);
  assert.equal(parseTarNumber(Buffer.from('64x')), undefined);
});
