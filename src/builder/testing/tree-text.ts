import type { FileTree } from '../../filetree/contract';
import { joinPaths } from '../../filetree/paths';
import type { LayerEntry, StoredLayer } from '../contract';

/** Every entry of a tree as a line, in walking order: `d755 0:0 etc`, `f644 0:0 etc/hosts =content`. */
export async function treeText(tree: FileTree, path = ''): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of await tree.list(path)) {
    const child = joinPaths(path, name);
    const entry = await tree.lookup(child);
    if (!entry) throw new Error(`"${child}" is listed but not there`);
    const content = entry.type === 'file' ? ` =${await text(tree, child)}` : '';
    const link = entry.linkTarget === undefined ? '' : ` -> ${entry.linkTarget}`;
    lines.push(`${entry.type.charAt(0)}${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${child}${link}${content}`);
    lines.push(...(await treeText(tree, child)));
  }
  return lines;
}

/** The members of a layer as lines: `+ path`, `= path target` for a hard link, `- path`, `! path` for an opaque one. */
export async function layerText(layer: StoredLayer): Promise<readonly string[]> {
  return (await layer.members()).map(memberText);
}

export async function text(tree: FileTree, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await tree.open(path)) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function memberText(member: LayerEntry): string {
  switch (member.kind) {
    case 'entry':
      return `+ ${member.entry.path}`;
    case 'hardlink':
      return `= ${member.entry.path} ${member.target}`;
    case 'whiteout':
      return `- ${member.path}`;
    case 'opaque':
      return `! ${member.path}`;
  }
}
