import type { WorkdirInstruction } from '../dockerfile/ast';
import { parseOwner, unknownName } from './copy-options';
import { expandChecked, expandForDisplay } from './expansion';
import { InputList } from './graph';
import { withConfig } from './image-draft';
import { noTimestamp } from './inline-file';
import { cleanPath, resolvePath } from './posix-path';
import { stageLabel } from './stage-node';
import { commit, expansionOf, isBaseUnknown, stepName, workingDirectory, type StepContext } from './step-context';
import { capitaliseInstruction } from './vertex-name';

const directoryMode = 0o755;
const nanosecondsPerSecond = 1_000_000_000n;

/** WORKDIR makes the directory, owned by the user that is set; only `/` needs no making. */
export function convertWorkdir(context: StepContext, instruction: WorkdirInstruction): void {
  const { build, node, state } = context;
  const directory = resolvePath(
    workingDirectory(state),
    expandChecked(instruction.path, expansionOf(context, instruction)),
  );
  state.image = withConfig(state.image, { WorkingDir: directory });
  if (directory === '/') {
    commit(context, `WORKDIR ${directory}`, 'metadata');
    return;
  }
  const { escape, sourceDateEpoch } = build.settings;
  const inputs = new InputList();
  const input = inputs.indexOf(state.edge);
  const user = state.image.config?.User ?? '';
  const owner = user === '' ? undefined : parseOwner(user, input);
  const unknown = owner && unknownName(owner);
  if (unknown !== undefined && !isBaseUnknown(context)) {
    build.reporter.error({
      code: 'DOCKERFILE_OWNER',
      message: `the directory would belong to "${unknown}", but scratch has no /etc/passwd to look it up in`,
      range: instruction.range,
      hint: 'give a number in USER, or copy files before',
    });
  }
  const name = stepName(context, capitaliseInstruction(expandForDisplay(instruction.source, state.env, { escape })));
  state.edge = build.graph.add({
    operation: {
      kind: 'file',
      actions: [
        {
          kind: 'mkdir',
          input,
          secondaryInput: -1,
          output: 0,
          path: cleanPath(directory),
          mode: directoryMode,
          makeParents: true,
          ...(owner && { owner }),
          timestamp: sourceDateEpoch === undefined ? noTimestamp : BigInt(sourceDateEpoch) * nanosecondsPerSecond,
        },
      ],
    },
    inputs: inputs.edges,
    name,
    stage: node.stage && stageLabel(node.stage),
    line: instruction.range.line,
  });
  commit(context, `WORKDIR ${directory}`, 'layer');
}
