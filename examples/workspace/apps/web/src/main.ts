import { greet } from '@example/shared';

console.log(`<!doctype html><title>web</title><h1>${greet('web')}</h1>`);
