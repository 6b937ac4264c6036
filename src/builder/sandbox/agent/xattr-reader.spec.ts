import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findTools } from '../tools';
import { findXattrPrograms } from './xattr-reader';

const { cp, tar } = findTools(process.env['PATH'] ?? '');
const programs = findXattrPrograms({ ...(cp !== undefined && { cp }), ...(tar !== undefined && { tar }) });

test(
  'cp is given no pipe, at which it would wait for ever',
  {
    skip: programs === undefined && 'needs GNU cp and GNU tar',
  },
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'nxrc-xattr-'));
    try {
      writeFileSync(join(directory, 'file'), '');
      execFileSync('mkfifo', [join(directory, 'pipe')]);
      // In a process of its own, since what hangs there cannot be interrupted.
      const script = `
      const { createXattrReader } = require(${JSON.stringify(join(__dirname, 'xattr-reader.js'))});
      const read = createXattrReader(${JSON.stringify(programs)}, ${JSON.stringify(join(directory, 'scratch'))});
      console.log(read(${JSON.stringify(directory)}, ['file', 'pipe']).size);`;
      const { stdout, signal } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 20_000 });
      assert.equal(signal, null);
      assert.equal(stdout, '0\n');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
