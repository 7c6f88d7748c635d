export {
  amountMax,
  type CounterStore,
  type Demand,
  type Grant,
  type PutOptions,
  type Renewal,
  renewalsMax,
  type Settlement,
  valueBytesMax,
  type WindowDemand,
  type WindowState,
} from './counter-store.ts';
export { openCounterStore } from './open.ts';
