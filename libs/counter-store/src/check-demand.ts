import { LoomError } from '@loom/errors';
import {
  amountMax,
  type Demand,
  keyBytesMax,
  type PutOptions,
  type Renewal,
  renewalsMax,
  type Settlement,
  stepsPerPeriod,
  ttlMsMax,
  valueBytesMax,
  windowsMax,
} from './counter-store.ts';

const periodMsMax = 24 * 60 * 60_000;
const nameSyntax = /^[A-Za-z0-9._-]{1,128}$/;
const windowSyntax = /^[a-z][a-z-]{0,31}$/;

/** Throws `invalid_request`, with the field at fault as its `param`. */
export function checkDemand(demand: Demand): void {
  checkNames(demand, [demand.id]);
  checkWindows(demand.windows);
  for (const [index, { limit }] of demand.windows.entries())
    checkInteger(`windows.${index}.limit`, limit, 1, amountMax);
  if (demand.slots !== null) checkInteger('slots', demand.slots, 1, amountMax);
  checkInteger('leaseMs', demand.leaseMs, 1, periodMsMax);
  checkInteger('settleMs', demand.settleMs, 1, periodMsMax);
}

export function checkSettlement(settlement: Settlement): void {
  checkNames(settlement, [settlement.id]);
  checkWindows(settlement.windows);
}

export function checkRenewal(renewal: Renewal): void {
  if (renewal.ids.length > renewalsMax)
    throw fault('ids', `has ${renewal.ids.length} entries; at most ${renewalsMax}`);
  checkNames(renewal, renewal.ids);
  checkInteger('leaseMs', renewal.leaseMs, 1, periodMsMax);
}

export function checkPut(key: string, value: Buffer, { ttlMs }: PutOptions): void {
  checkKey(key);
  if (value.length > valueBytesMax)
    throw fault('value', `has ${value.length} bytes; at most ${valueBytesMax}`);
  checkInteger('ttlMs', ttlMs, 1, ttlMsMax);
}

export function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0 || bytes > keyBytesMax) throw fault('key', `has ${bytes} bytes; from 1 to ${keyBytesMax}`);
}

function checkNames(of: { readonly scope: string; readonly owner: string }, ids: readonly string[]): void {
  for (const [field, value] of [
    ['scope', of.scope],
    ['owner', of.owner],
    ...ids.map((id) => ['id', id]),
  ] as const) {
    if (!nameSyntax.test(value ?? ''))
      throw fault(field ?? '', `"${value}" is not 1 to 128 letters, digits, dots, dashes or underscores`);
  }
}

function checkWindows(windows: Settlement['windows']): void {
  if (windows.length > windowsMax)
    throw fault('windows', `has ${windows.length} entries; at most ${windowsMax}`);
  for (const [index, { name, periodMs, amount }] of windows.entries()) {
    const at = `windows.${index}`;
    if (!windowSyntax.test(name))
      throw fault(`${at}.name`, `"${name}" is not a lower-case word of at most 32 letters`);
    if (windows.findIndex((other) => other.name === name) < index)
      throw fault(`${at}.name`, `"${name}" stands twice`);
    checkInteger(`${at}.periodMs`, periodMs, stepsPerPeriod, periodMsMax);
    checkInteger(`${at}.amount`, amount, 0, amountMax);
  }
}

function checkInteger(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw fault(field, `${value} is not a whole number from ${min} to ${max}`);
}

const fault = (field: string, what: string) =>
  new LoomError('invalid_request', `counter store: ${field} ${what}`, { param: field });
