/** What `docker buildx inspect` tells of a builder. */
export interface InspectedBuilder {
  readonly name: string;
  readonly driver: string;
  readonly nodes: readonly InspectedNode[];
  readonly error?: string;
}

export interface InspectedNode {
  readonly endpoint?: string;
  /** `running`, `inactive`, `stopped`. */
  readonly status?: string;
  readonly version?: string;
  readonly error?: string;
}

/**
 * Reads the text of `docker buildx inspect`; there is no JSON of it. Undefined if it is something else. Nodes follow
 * after the line `Nodes:`, each beginning with its name; indented lines belong to lists that do not matter here.
 */
export function parseInspectOutput(text: string): InspectedBuilder | undefined {
  const [head = '', ...rest] = text.split(/^Nodes:\s*$/m);
  const top = fieldsOf(head);
  const name = top.get('name');
  const driver = top.get('driver');
  if (name === undefined || driver === undefined) return undefined;
  const error = top.get('error');
  const nodes = rest
    .join('\n')
    .split(/^(?=Name:)/m)
    .filter((part) => part.startsWith('Name:'))
    .map(parseNode);
  return { name, driver, nodes, ...(error !== undefined && { error }) };
}

function parseNode(text: string): InspectedNode {
  const fields = fieldsOf(text);
  const pick = <K extends string>(key: K, field: string): { readonly [P in K]?: string } => {
    const value = fields.get(field);
    return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };
  };
  return {
    ...pick('endpoint', 'endpoint'),
    ...pick('status', 'status'),
    ...pick('version', 'buildkit version'),
    ...pick('error', 'error'),
  };
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [, key = '', value = ''] of text.matchAll(/^([A-Z][A-Za-z ]*):[ \t]*(.*)$/gm)) {
    // The name of a buildkitd flag or a file comes later and does not count.
    if (!fields.has(key.toLowerCase())) fields.set(key.toLowerCase(), value.trim());
  }
  return fields;
}
