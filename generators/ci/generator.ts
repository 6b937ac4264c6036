import { logger, type Tree } from '@nx/devkit';
import { addIgnoredPaths } from '../init/gitignore';
import { githubWorkflow } from './github';
import { gitlabPipeline } from './gitlab';
import { readPipelineFacts, type PipelineOptions } from './pipeline-facts';

export interface CiOptions extends PipelineOptions {
  readonly ci?: 'github' | 'gitlab';
  readonly force?: boolean;
}

const gitlabFile = '.gitlab-ci.yml';

/** The generator `ci`: a pipeline that builds affected images. Overwrites nothing unless told to. */
export default function ci(tree: Tree, options: CiOptions): void {
  const system = options.ci ?? (tree.exists(gitlabFile) && !tree.exists('.github') ? 'gitlab' : 'github');
  const facts = readPipelineFacts(tree, options);
  if (system === 'github') {
    write(tree, `.github/workflows/${facts.name}.yml`, githubWorkflow(facts), options);
    return;
  }
  const known = tree.read(gitlabFile, 'utf8');
  const included = `.gitlab/${facts.name}.gitlab-ci.yml`;
  const isOwn = known === null || known.includes(`${facts.name}:publish:`);
  const file = isOwn ? gitlabFile : included;
  write(tree, file, gitlabPipeline(facts), options);
  if (!isOwn && !known.includes(included)) {
    logger.info(`add to ${gitlabFile}:\n\ninclude:\n  - local: ${included}\n`);
  }
  const ignored = tree.read('.gitignore', 'utf8') ?? '';
  const extended = addIgnoredPaths(ignored, ['.package-cache']);
  if (extended !== ignored) tree.write('.gitignore', extended);
}

function write(tree: Tree, file: string, text: string, { force = false }: CiOptions): void {
  const known = tree.read(file, 'utf8');
  if (known === text) return;
  if (known !== null && !force) logger.warn(`${file} is there and stays; --force replaces it`);
  else tree.write(file, text);
}
