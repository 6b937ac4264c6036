import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { processWord, processWords, type ExpandOptions } from './expand';

const variables = new Map([
  ['NAME', 'world'],
  ['EMPTY', ''],
  ['PATHS', '/usr/lib/a.tar.gz'],
  ['SPACED', ' one  two '],
  ['STARS', 'a*b*c'],
]);

function expand(word: string, options?: ExpandOptions): string | undefined {
  const expansion = processWord(word, variables, options);
  return expansion.kind === 'expanded' ? expansion.value : undefined;
}

test('variables, quotes and escapes', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['hello $NAME', 'hello world'],
    ['${NAME}s', 'worlds'],
    ['$NAMEs', ''],
    ['$UNSET.', '.'],
    ['\\$NAME', '$NAME'],
    ["'$NAME'", '$NAME'],
    ['"$NAME"', 'world'],
    ['"a\\"b\\n"', 'a"b\\n'],
    ['a\\nb', 'anb'],
    ['a\\', 'a'],
    ['$', '$'],
    ['$1x', 'x'],
    ['$.', '$.'],
    ['<<EOF', '<<EOF'],
    ['gr\u00fc\u00df $NAME \u{1f600}', 'gr\u00fc\u00df world \u{1f600}'],
  ];
  for (const [word, expected] of cases) assert.equal(expand(word), expected, word);
});

test('every modifier', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['${UNSET:-x}|${EMPTY:-x}|${NAME:-x}', 'x|x|world'],
    ['${UNSET-x}|${EMPTY-x}|${NAME-x}', 'x||world'],
    ['${UNSET:+x}|${EMPTY:+x}|${NAME:+x}', '||x'],
    ['${UNSET+x}|${EMPTY+x}|${NAME+x}', '|x|x'],
    ['${NAME:?}|${EMPTY?}', 'world|'],
    ['${UNSET:-${EMPTY:-$NAME}}', 'world'],
    ['${UNSET:-"a}b"}', 'a}b'],
    ['${PATHS#*/}', 'usr/lib/a.tar.gz'],
    ['${PATHS##*/}', 'a.tar.gz'],
    ['${PATHS%.*}', '/usr/lib/a.tar'],
    ['${PATHS%%.*}', '/usr/lib/a'],
    ['${PATHS%x}', '/usr/lib/a.tar.gz'],
    ['${STARS#a\\*}', 'b*c'],
    ['${PATHS/\\//_}', '_usr/lib/a.tar.gz'],
    ['${PATHS//\\//_}', '_usr_lib_a.tar.gz'],
    ['${STARS//\\*/}', 'abc'],
    ['${STARS/b*/X}', 'a*X'],
    ['${UNSET/a/b}', ''],
  ];
  for (const [word, expected] of cases) assert.equal(expand(word), expected, word);
});

test('what is used and what is not set', () => {
  const expansion = processWord('$NAME ${A:-$B} $NAME ${EMPTY+$C}', variables);
  assert.deepEqual([...expansion.used], ['NAME', 'EMPTY']);
  assert.deepEqual([...expansion.unmatched], ['B', 'A', 'C']);
});

test('failures say what and where', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a${NAME', /"}" is missing/],
    ['${NAME:-x', /"}" is missing/],
    ['${NAME/x}', /"\/" is missing/],
    ['${}', /no variable name/],
    ['${NAME^^}', /"\^" is not supported/],
    ['${NAME:=x}', /":=" is not supported/],
    ['${NAME:#x}', /":#" is not supported/],
    ["it's", /single quote/],
    ['"a', /double quote/],
    ['${UNSET?}', /UNSET: must be set/],
    ['${EMPTY:?}', /EMPTY: must not be empty/],
    ['${UNSET:?tell $NAME}', /UNSET: tell world/],
    ['${NAME#\\x}', /no valid pattern/],
    [`${'${A:-'.repeat(5000)}x`, /nested too deeply/],
  ];
  for (const [word, expected] of cases) {
    const expansion = processWord(word, variables);
    assert.equal(expansion.kind, 'failed', word);
    assert.match(expansion.message, expected, word);
    assert.ok(expansion.offset <= word.length);
  }
});

test('options keep quotes, escapes and unset variables', () => {
  const cases: readonly (readonly [string, ExpandOptions, string])[] = [
    ['`$NAME \\', { escape: '`' }, '$NAME \\'],
    ['"$NAME" \'x\'', { rawQuotes: true }, '"world" \'x\''],
    ['a\\ b', { rawEscapes: true }, 'a\\ b'],
    ['$UNSET ${UNSET} ${UNSET:-x} $NAME', { skipUnsetEnv: true }, '$UNSET ${UNSET} ${UNSET:-x} world'],
    ['it\'s "$NAME"', { skipProcessQuotes: true }, 'it\'s "world"'],
  ];
  for (const [word, options, expected] of cases) assert.equal(expand(word, options), expected, word);
});

test('words split at white space that is not quoted, in values too', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['a  b\tc ', ['a', 'b', 'c']],
    ['"a b" c\\ d', ['a b', 'c d']],
    ['x${SPACED}y', ['x', 'one', 'two', 'y']],
    ['x"${SPACED}"y', ['x one  two y']],
    ['a "" b', ['a', 'b']],
    ['cat << EOF > x', ['cat', '<< EOF', '>', 'x']],
  ];
  for (const [word, expected] of cases) {
    const expansion = processWords(word, variables);
    assert.equal(expansion.kind, 'expanded');
    assert.deepEqual(expansion.value, expected, word);
  }
});

test('any text expands or fails, without throwing, and literals stay', () => {
  const piece = fc.constantFrom(
    '$',
    '${',
    '}',
    'NAME',
    'A',
    ':-',
    '#',
    '%',
    '/',
    '\\',
    '"',
    "'",
    '*',
    '?',
    ' ',
    '<',
    'x',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      assert.ok(['expanded', 'failed'].includes(processWord(pieces.join(''), variables).kind));
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const quoted = `'${text.replaceAll("'", "'\\''")}'`;
      assert.equal(expand(quoted), text);
    }),
  );
});

test('patterns that make backtracking explode are answered at once', () => {
  const long = new Map([['X', 'a'.repeat(20_000)]]);
  for (const word of ['${X%%*a*a*a*a*a*a*b}', '${X//*a*a*a*a*ab/}', '${X/a*a*a*a*b/c}']) {
    const start = performance.now();
    const expansion = processWord(word, long);
    assert.equal(expansion.kind === 'expanded' && expansion.value.length, 20_000);
    assert.ok(performance.now() - start < 2000, word);
  }
});
