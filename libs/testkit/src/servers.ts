/* Real servers without a test runner: for `npm run start:servers`. */
export { startKafka } from './kafka-server.ts';
export { startPostgres } from './postgres-server.ts';
export { startRedis } from './redis-server.ts';
export type { RealServer } from './server-process.ts';
