import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import type { Span } from '@loom/api-contract';
import { nodeCrypto, parseVerifierKey, utf8, verifyTlogProof } from '@loom/ledger';
import { eventually } from '../testing/deployment.ts';
import { type Stage } from '../testing/stage.ts';
import type { Visit } from '../testing/visit.ts';

const foreignKey = 'loom.example+4ad5cf35+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==';

/** Presses what gives a file, and reads that. */
async function saved({ page }: Visit, press: () => Promise<void>): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  return readFile(await download.path());
}

export function ledgerSpecs(stage: () => Stage): void {
  const proofOf = (name: string) => `/p/default/traces/${stage().world.traceOf(name)}?tab=proof`;

  describe('the ledger', () => {
    it('shows both logs, whose signatures it checks itself, and gives their heads', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/ledger');
        await visit.sees(page.getByText(/^holds, loom-/).nth(1));
        await visit.sees('Nobody outside sees the heads');
        const note = await saved(visit, () =>
          page.getByRole('button', { name: 'Checkpoint' }).first().click(),
        );
        expect(note.toString()).toMatch(/\/ledger\/default\n\d+\n/);
        await page.getByRole('button', { name: 'Check', exact: true }).click();
        // The trace of thousands of spans was put into the store behind the log's back.
        await visit.sees('inconsistent');
        await visit.sees(/the log has \d+ calls, the trace store \d+ spans/);
      });
    });

    it('shows a head that is not signed by the key as one that does not hold', async () => {
      await stage().visit(async (visit) => {
        await visit.page.route('**/api/query/v1/ledger', async (route) => {
          const response = await route.fetch();
          const text = (await response.text()).replaceAll(
            /\/ledger\/default\\n(\d+)/g,
            '/ledger/default\\n1$1',
          );
          await route.fulfill({ response, body: text });
        });
        await visit.goto('/p/default/ledger');
        await visit.sees(/^does not hold: the signature/);
      });
    });

    it('verifies the record of the last hour, and a bundle from a file; refuses a changed one and another key', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        const verify = () => visit.button('Verify').click();
        await visit.goto('/p/default/ledger');
        await visit.sees(/^holds, loom-/);
        await verify();
        await visit.sees(/^VERIFIED/);
        await visit.sees(/call\.accepted/);
        const bundle = await saved(visit, () => visit.button('Bundle').click());

        await page.getByLabel('Record', { exact: true }).selectOption('file');
        const give = (buffer: Buffer) =>
          page
            .getByLabel('Bundle', { exact: true })
            .setInputFiles({ name: 'bundle.loom', mimeType: 'application/x-tar', buffer });
        await give(bundle);
        await verify();
        await visit.sees(/^VERIFIED/);

        const at = bundle.indexOf('"kind":"call.accepted"') + 8;
        await give(Buffer.concat([bundle.subarray(0, at), Buffer.from('X'), bundle.subarray(at + 1)]));
        await verify();
        await visit.sees(/^TAMPERED/);
        await give(bundle.subarray(0, bundle.length - 2000));
        await verify();
        await visit.sees(/^INCOMPLETE/);

        await give(bundle);
        await page.getByLabel('Keys that are trusted').fill(foreignKey);
        await verify();
        await visit.sees(/malformed verifier key/);
        const vkey =
          (
            await stage()
              .world.loom.client()
              .then((client) => client.getLedger())
          ).vkeys[0] ?? '';
        await page.getByLabel('Keys that are trusted').fill(vkey);
        await page.getByLabel('Older checkpoint').fill('no checkpoint');
        await verify();
        await visit.sees(/^NOT CHECKED/);
      });
    });
  });

  describe('the proof of a call', () => {
    it('is shown, holds in the browser, and can be taken away', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(proofOf('plain-1'));
        await visit.sees('call.completed');
        const entry = await saved(visit, () =>
          page
            .getByRole('button', { name: /^Entry of leaf/ })
            .first()
            .click(),
        );
        const proof = await saved(visit, () =>
          page
            .getByRole('button', { name: /^Proof of leaf/ })
            .first()
            .click(),
        );
        const { logs, vkeys } = await (await stage().world.loom.client()).getLedger();
        const keys = vkeys.map((vkey) => parseVerifierKey(nodeCrypto, vkey));
        const origin = logs[0]?.origin ?? '';
        expect(() =>
          verifyTlogProof(nodeCrypto, proof.toString(), { entry: utf8(entry.toString()), origin, keys }),
        ).not.toThrow();
        await visit.button('Verify in this browser').click();
        await visit.sees(/^3 of 3 leaves are in the log, signed by loom-/);
        await visit.sees(
          'Request: as it was sealed. Answer: as it was sealed. Shown as sealed: status, tokens',
        );
      });
    });

    it('says so when what is shown is not what was sealed', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await page.route('**/raw?part=response', async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, body: (await response.text()).replace('plain', 'other') });
        });
        await visit.goto(proofOf('plain-1'));
        await visit.button('Verify in this browser').click();
        await visit.sees('the response that is stored is not the one that was sealed');
      });
      await stage().visit(async (visit) => {
        const { page } = visit;
        await page.route('**/api/query/v1/spans/*', async (route) => {
          const response = await route.fetch();
          const span = (await response.json()) as Span;
          await route.fulfill({ response, json: { ...span, status: 201 } });
        });
        await visit.goto(proofOf('plain-1'));
        await visit.button('Verify in this browser').click();
        await visit.sees('the status that is shown is not what was sealed');
      });
    });

    it('is marked on every call, and missing where no call went through the gateway', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${stage().world.traceOf('stream-1')}`);
        const mark = page.locator('dt', { hasText: /^Sealed$/ }).locator('xpath=../dd');
        await eventually(
          () => mark.textContent(),
          (text) => /^\d\d:\d\d:\d\d$/.test(text ?? ''),
          20_000,
        );
        await mark.getByRole('button').click();
        await visit.path((path) => path.includes('tab=proof'));
        await visit.sees('call.completed');
        await page.route('**/v1/ledger/receipts/*', (route) =>
          route.fulfill({ status: 404, json: { error: { code: 'not_found', message: 'no leaf' } } }),
        );
        visit.expectComplaint(/404/);
        await page.route('**/api/query/v1/spans/*', async (route) => {
          const response = await route.fetch();
          const span = (await response.json()) as Span;
          const timing = { ...span.timing, startTime: '2026-01-01T00:00:00.000Z' };
          await route.fulfill({ response, json: { ...span, timing } });
        });
        await page.reload();
        await visit.sees('The log does not tell of this call');
      });
    });
  });
}
