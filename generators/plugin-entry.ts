import { parseJsonText } from '../src/inference/json-text';
import { asRecord } from '../src/inference/workspace-projects';
import { appendInJson, setInJson } from './json-edit/edit-json';

/** The package, and what `nx.json` calls the plugin. */
export const pluginName = 'nx-registry-cache';

const entryNames: readonly unknown[] = [pluginName, `${pluginName}/plugin`];

/** The plugin's options in a text of `nx.json`; undefined where it has no entry. */
export function readPluginEntry(nxJson: string): Readonly<Record<string, unknown>> | undefined {
  const entry = findEntry(nxJson)?.entry;
  return entry === undefined ? undefined : asRecord(asRecord(entry)['options']);
}

/** Adds the plugin to `nx.json`, or gives its entry the options that are not undefined. Changes nothing else. */
export function writePluginEntry(nxJson: string, options: Readonly<Record<string, unknown>>): string {
  const wanted = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const found = findEntry(nxJson);
  const isEmpty = Object.keys(wanted).length === 0;
  if (found === undefined) {
    return appendInJson(nxJson, ['plugins'], isEmpty ? pluginName : { plugin: pluginName, options: wanted });
  }
  const known = asRecord(asRecord(found.entry)['options']);
  if (Object.entries(wanted).every(([key, value]) => known[key] === value)) return nxJson;
  const path = ['plugins', found.index];
  if (typeof found.entry === 'string') return setInJson(nxJson, path, { plugin: found.entry, options: wanted });
  return Object.entries(wanted).reduce(
    (text, [key, value]) => setInJson(text, [...path, 'options', key], value),
    nxJson,
  );
}

function findEntry(nxJson: string): { readonly index: number; readonly entry: unknown } | undefined {
  const { plugins } = asRecord(parseJsonText(nxJson));
  if (!Array.isArray(plugins)) return undefined;
  const list = plugins as readonly unknown[];
  const index = list.findIndex((item) =>
    entryNames.includes(typeof item === 'string' ? item : asRecord(item)['plugin']),
  );
  return index < 0 ? undefined : { index, entry: list[index] };
}
