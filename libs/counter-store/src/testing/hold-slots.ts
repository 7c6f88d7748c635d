import { openCounterStore } from '../open.ts';

// Holds slots as a gateway does, renewing them, until it is killed: `hold-slots.ts <url> <scope> <slots>`.
const [, , url = '', scope = '', slots = '1'] = process.argv;
const store = await openCounterStore(new URL(url));
const held = { scope, owner: 'doomed', leaseMs: 1_000 };
const ids = Array.from({ length: Number(slots) }, (_, n) => `call-${n}`);
for (const id of ids) await store.reserve({ ...held, id, windows: [], slots: ids.length, settleMs: 60_000 });
setInterval(() => void store.renew({ ...held, ids }), 250);
process.stdout.write('holding\n');
