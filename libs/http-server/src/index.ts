export { addressNetwork } from './address-network.ts';
export { type ConnectionLimits, createLimitedServer, type LimitedServerOptions } from './limited-server.ts';
export { listenFault } from './listen-fault.ts';
export { type RequestFault } from './request-faults.ts';
