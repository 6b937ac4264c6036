import { readFileSync } from 'node:fs';
import type { ToolPaths } from '../tools';
import { requireTool, runHostCommands } from './host-command';

/** Where machines that use both versions of cgroups mount the second one. */
const unified = '/sys/fs/cgroup/unified';

/**
 * crun refuses to start anything on a machine whose second version of cgroups has controllers while the first is in use,
 * even when told to leave cgroups alone. Covers the second one, in this process' own mount namespace only.
 */
export function coverHybridCgroups(tools: ToolPaths): void {
  if (!hasControllers()) return;
  runHostCommands(tools, [[requireTool(tools, 'mount'), '-t', 'tmpfs', '-o', 'ro,size=0', 'tmpfs', unified]]);
}

function hasControllers(): boolean {
  try {
    return readFileSync(`${unified}/cgroup.controllers`, 'utf8').trim() !== '';
  } catch {
    return false;
  }
}
