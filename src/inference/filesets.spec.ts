import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesetOf, filesetsFor, ignoredFilesets } from './filesets';
import { IgnoreRules } from './ignore-rules';

test('a path may be a file or a folder', () => {
  assert.deepEqual(filesetsFor('apps/api', '.', IgnoreRules.none), [
    '{workspaceRoot}/apps/api',
    '{workspaceRoot}/apps/api/**/*',
  ]);
  assert.deepEqual(filesetsFor('src/*.js', 'apps/api', IgnoreRules.none)[0], '{workspaceRoot}/apps/api/src/*.js');
  assert.deepEqual(filesetsFor('.', '.', IgnoreRules.none), ['{workspaceRoot}/**/*']);
});

test('what globs of Nx read differently gives the folder around it', () => {
  assert.deepEqual(filesetsFor('app/(group)/x', '.', IgnoreRules.none)[1], '{workspaceRoot}/app/**/*');
  assert.deepEqual(filesetsFor('a/[!x]', '.', IgnoreRules.none)[1], '{workspaceRoot}/a/**/*');
  assert.equal(filesetOf('a/(b)/Dockerfile'), '{workspaceRoot}/a/**/*');
});

test('patterns that exclude for good are taken away, others are not', () => {
  const rules = IgnoreRules.parse('# x\n*.md\n**/node_modules\nlibs/a\nsecret*\n!README.md\n!secrets\nlogs\n');
  // Wildcards before a "!" may be taken back in; libs/a is apart from all that is.
  assert.deepEqual(rules.excluded, ['libs/a', 'logs']);
  assert.deepEqual(ignoredFilesets('ctx', rules).slice(0, 2), [
    '!{workspaceRoot}/ctx/libs/a',
    '!{workspaceRoot}/ctx/libs/a/**/*',
  ]);
});

test('a file that lets only some paths in narrows what COPY takes', () => {
  const rules = IgnoreRules.parse('**\n!apps/api\n!/package.json\napps/api/tmp\n');
  assert.deepEqual(rules.narrow('.'), ['apps/api', 'package.json']);
  assert.deepEqual(rules.narrow('apps'), ['apps/api']);
  assert.deepEqual(rules.narrow('apps/api/src'), ['apps/api/src']);
  assert.deepEqual(rules.narrow('libs'), []);
  assert.deepEqual(rules.excluded, ['apps/api/tmp']);
});
