export {
  amountMax,
  type CounterStore,
  type Demand,
  type Grant,
  type Renewal,
  renewalsMax,
  type Settlement,
  type WindowDemand,
  type WindowState,
} from './counter-store.ts';
export { openCounterStore } from './open.ts';
