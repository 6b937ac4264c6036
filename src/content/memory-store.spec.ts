import { describeContentStore } from '../testing/content-store-contract';
import { MemoryStore } from './memory-store';

describeContentStore('MemoryStore', () =>
  Promise.resolve({ store: new MemoryStore(), [Symbol.asyncDispose]: () => Promise.resolve() }),
);
