import type { CheckMode } from './conversion';
import type { ContextPaths } from './context-paths';
import { mainContextName } from './context-paths';
import type { DraftEdge, GraphBuilder } from './graph';
import type { Reporter } from './reporter';
import type { Settings } from './settings';

/** What all stages of one conversion share. */
export interface BuildState {
  readonly settings: Settings;
  readonly reporter: Reporter;
  readonly graph: GraphBuilder;
  readonly contextPaths: ContextPaths;
  /** Given where base images are unknown and only mistakes count. */
  readonly check?: CheckMode;
}

/** The main build context: one vertex, however often it is used. */
export function mainContext({ graph, settings }: BuildState): DraftEdge {
  return graph.add({
    operation: { kind: 'local', name: mainContextName, excludePatterns: settings.request.excludePatterns ?? [] },
    name: '[internal] load build context',
  });
}
