import { readNodes, type JsonNode } from './read-nodes';

/** Keys of objects and indexes of lists, from the outside in. */
export type JsonPath = readonly (string | number)[];

/**
 * Gives the property at `path` a value, and leaves every other character of the text alone: comments, order, indentation.
 * Objects on the way are made where they are missing.
 *
 * @throws Error if the text is no JSON, or something on the way is no object.
 */
export function setInJson(text: string, path: JsonPath, value: unknown): string {
  let node = readNodes(text);
  for (const [index, key] of path.entries()) {
    if (node.kind === 'array' && typeof key === 'number' && node.items[key] !== undefined) {
      node = node.items[key];
      continue;
    }
    if (node.kind !== 'object' || typeof key === 'number')
      throw new Error(`${path.slice(0, index).join('.')} is no object`);
    const property = node.properties.findLast((candidate) => candidate.key === key);
    if (property === undefined) {
      const rest = path.slice(index + 1).reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
      return insertInto(text, node, (layout) => `${JSON.stringify(key)}:${layout.space}${print(rest, layout)}`);
    }
    node = property.value;
  }
  return text.slice(0, node.start) + print(value, layoutAt(text, node.start)) + text.slice(node.end);
}

/** Appends to the list at `path`, which is made if it is missing. As careful as {@link setInJson}. */
export function appendInJson(text: string, path: JsonPath, value: unknown): string {
  const node = findInJson(text, path);
  if (node === undefined) return setInJson(text, path, [value]);
  if (node.kind !== 'array') throw new Error(`${path.join('.')} is no list`);
  return insertInto(text, node, (layout) => print(value, layout));
}

/** The value at `path`, as it stands in the text; undefined where there is none. */
export function findInJson(text: string, path: JsonPath): JsonNode | undefined {
  let node: JsonNode | undefined = readNodes(text);
  for (const key of path) {
    if (node?.kind === 'array' && typeof key === 'number') node = node.items[key];
    else if (node?.kind !== 'object') return undefined;
    else node = node.properties.findLast((candidate) => candidate.key === key)?.value;
  }
  return node;
}

interface Layout {
  /** What new lines begin with. */
  readonly indent: string;
  readonly unit: string;
  /** Whether things stand on one line. */
  readonly inline: boolean;
  readonly space: string;
  readonly newline: string;
}

function insertInto(
  text: string,
  node: Extract<JsonNode, { kind: 'object' | 'array' }>,
  write: (layout: Layout) => string,
): string {
  const last = node.kind === 'object' ? node.properties.at(-1)?.value : node.items.at(-1);
  const own = layoutAt(text, node.start);
  const inner = text.slice(node.start + 1, node.end - 1);
  const isOneLine = !inner.includes('\n');
  if (last === undefined) {
    const layout = { ...own, indent: own.indent + own.unit };
    const gap = isOneLine ? '' : inner.trimEnd();
    const added = `${gap}${own.newline}${layout.indent}${write(layout)}${own.newline}${own.indent}`;
    return text.slice(0, node.start + 1) + added + text.slice(node.end - 1);
  }
  const first = node.kind === 'object' ? node.properties[0]?.start : node.items[0]?.start;
  const between = text.slice(last.end, node.end - 1);
  const hasComma = between.replace(/\/\/[^\n]*|\/\*[^]*?\*\//g, '').includes(',');
  if (isOneLine) {
    const layout = { ...own, inline: true };
    const head = text.slice(0, last.end);
    return `${head}, ${write(layout)}${hasComma ? ',' : ''}${between.replace(/^\s*,/, '')}${text.slice(node.end - 1)}`;
  }
  const indent = /[ \t]*$/.exec(text.slice(0, first))?.[0] ?? own.indent + own.unit;
  const layout = { ...own, indent };
  // A comment on the last line belongs to what stands before it.
  const [tail = ''] = /^(?:[ \t]|\/\*[^\n]*?\*\/|,)*(?:\/\/[^\n\r]*)?/.exec(between) ?? [];
  const end = last.end + tail.length;
  const before = text.slice(0, last.end) + (hasComma ? '' : ',') + tail;
  return `${before.trimEnd()}${own.newline}${indent}${write(layout)}${hasComma ? ',' : ''}${text.slice(end)}`;
}

function layoutAt(text: string, offset: number): Layout {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  const unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  return { indent, unit, inline: false, space: ' ', newline };
}

/** Lists of plain values on one line, everything else a line each. */
function print(value: unknown, layout: Layout): string {
  if (Array.isArray(value)) {
    const items = value as unknown[];
    if (layout.inline || items.every((item) => typeof item !== 'object' || item === null)) {
      return `[${items.map((item) => print(item, { ...layout, inline: true })).join(', ')}]`;
    }
    return printLines(
      '[',
      ']',
      items.map((item) => (inner: Layout) => print(item, inner)),
      layout,
    );
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value as Readonly<Record<string, unknown>>).filter(([, item]) => item !== undefined);
  const writers = entries.map(
    ([key, item]) =>
      (inner: Layout) =>
        `${JSON.stringify(key)}: ${print(item, inner)}`,
  );
  if (layout.inline) return writers.length === 0 ? '{}' : `{ ${writers.map((write) => write(layout)).join(', ')} }`;
  return printLines('{', '}', writers, layout);
}

function printLines(
  open: string,
  close: string,
  writers: readonly ((inner: Layout) => string)[],
  layout: Layout,
): string {
  if (writers.length === 0) return open + close;
  const inner = { ...layout, indent: layout.indent + layout.unit };
  const lines = writers.map((write) => `${layout.newline}${inner.indent}${write(inner)}`);
  return `${open}${lines.join(',')}${layout.newline}${layout.indent}${close}`;
}
