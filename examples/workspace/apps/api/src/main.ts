import { greet } from '@example/shared';

console.log(JSON.stringify({ message: greet('api'), version: 1 }));
