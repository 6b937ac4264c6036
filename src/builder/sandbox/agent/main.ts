import { createAgent, type Agent, type Send } from './agent';
import type { AgentMessage, AgentRequest } from './protocol';
import { toWireError } from '../errors';

/**
 * Entry of the agent's process. It speaks over Node's channel to the process that started it and ends with it: as the
 * first process of its namespaces it takes every command and every mount along.
 */
function main(): void {
  let agent: Agent | undefined;
  const send: Send = (message: AgentMessage) =>
    new Promise((resolve) => {
      // Without a listener at the other end there is nobody to tell; the process is about to go.
      if (process.connected) process.send?.(message, undefined, {}, () => resolve());
      else resolve();
    });
  const answer = async (request: AgentRequest): Promise<unknown> => {
    if (request.operation === 'hello') return undefined;
    if (request.operation === 'configure') {
      agent = createAgent((request as AgentRequest<'configure'>).argument, send);
      return undefined;
    }
    if (!agent) throw new Error('the agent was not configured');
    const handler = agent.handlers[request.operation] as (argument: unknown) => unknown;
    return await handler(request.argument);
  };
  process.on('message', (message) => {
    const request = message as AgentRequest;
    answer(request).then(
      (value) => send({ kind: 'reply', id: request.id, value }),
      (error: unknown) => send({ kind: 'failure', id: request.id, error: toWireError(error) }),
    );
  });
  process.on('disconnect', () => {
    agent?.stop();
    process.exit(0);
  });
  // The builder decides what an interrupt means, and tells.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
}

main();
