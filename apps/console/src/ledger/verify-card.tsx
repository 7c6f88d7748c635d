'use client';

import { Download, ShieldCheck } from 'lucide-react';
import { useState } from 'react';
import { useClient } from '../api/loom.tsx';
import { formatBytes } from '../format/numbers.ts';
import { own } from '../format/own.ts';
import { presets } from '../time/range.ts';
import { download } from '../traces/export-traces.ts';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { Field, Select, TextArea } from '../ui/field.tsx';
import { notify } from '../ui/toaster.tsx';
import { BundleVerdict } from './bundle-verdict.tsx';
import { useBundleCheck } from './use-bundle-check.ts';

/** Since before there was any log. */
const everything = '1970-01-01T00:00:00Z';
const fromFile = 'file';
const defaultPeriod = '1h';

/** Checks a bundle in this browser, with nothing but the keys in the field. */
export function VerifyCard({ vkeys }: { readonly vkeys: readonly string[] }) {
  const [period, setPeriod] = useState(defaultPeriod);
  const [file, setFile] = useState<File | null>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const [prior, setPrior] = useState('');
  const { state, start, cancel } = useBundleCheck();
  const keys = typed ?? vkeys.join('\n');
  const isRunning = state.type === 'progress';
  const isFile = period === fromFile;
  const run = () => {
    const source = isFile ? file : rangeOf(period);
    if (!source) return;
    const vkeys = keys.split(/\s+/).filter((key) => key !== '');
    start({ source, vkeys, prior: prior.trim() === '' ? null : `${prior.trim()}\n` });
  };
  return (
    <Card title="Verify in this browser" aside={!isFile && <SaveBundle period={period} />}>
      <div className="grid gap-3 p-4 pt-1">
        <div className="grid items-start gap-3 md:grid-cols-2">
          <div className="grid gap-3">
            <Field label="Record">
              {(ids) => (
                <Select {...ids} value={period} onChange={({ target }) => setPeriod(target.value)}>
                  {Object.entries(presets).map(([name, { label }]) => (
                    <option key={name} value={name}>
                      {label}
                    </option>
                  ))}
                  <option value="all">Everything</option>
                  <option value={fromFile}>A bundle from a file</option>
                </Select>
              )}
            </Field>
            {isFile && (
              <Field label="Bundle" hint="What loom export has written">
                {(ids) => (
                  <input
                    {...ids}
                    type="file"
                    onChange={({ target }) => setFile(target.files?.[0] ?? null)}
                    className="w-full text-xs file:mr-2 file:h-8 file:rounded-md file:border file:bg-surface file:px-3 file:font-medium"
                  />
                )}
              </Field>
            )}
            <Field
              label="Older checkpoint"
              hint="Optional: one that you have kept. The log must continue it."
            >
              {(ids) => (
                <TextArea
                  {...ids}
                  rows={2}
                  value={prior}
                  onChange={({ target }) => setPrior(target.value)}
                  className="font-mono text-xs"
                />
              )}
            </Field>
          </div>
          <Field
            label="Keys that are trusted"
            hint="These come from this deployment. Put in those that you were given, and your witnesses’, to trust nobody."
          >
            {(ids) => (
              <TextArea
                {...ids}
                rows={6}
                value={keys}
                onChange={({ target }) => setTyped(target.value)}
                className="font-mono text-xs break-all"
              />
            )}
          </Field>
        </div>
        <div className="flex flex-wrap items-center gap-3">
          <Button
            look="primary"
            busy={isRunning}
            disabled={keys.trim() === '' || (isFile && !file)}
            onClick={run}
          >
            {!isRunning && <ShieldCheck aria-hidden className="size-3.5" />} Verify
          </Button>
          {isRunning && (
            <>
              <span className="tabular text-muted">{formatBytes(state.bytes)} checked</span>
              <Button size="small" look="ghost" onClick={cancel}>
                Cancel
              </Button>
            </>
          )}
        </div>
        <BundleVerdict state={state} />
      </div>
    </Card>
  );
}

function SaveBundle({ period }: { readonly period: string }) {
  const { client } = useClient();
  const [isSaving, setSaving] = useState(false);
  const save = async () => {
    setSaving(true);
    try {
      const stream = await client.exportBundle({ query: rangeOf(period) });
      download(await new Response(stream).blob(), 'bundle.loom');
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), { isError: true });
    } finally {
      setSaving(false);
    }
  };
  return (
    <Button size="small" look="ghost" busy={isSaving} onClick={() => void save()}>
      {!isSaving && <Download aria-hidden className="size-3" />} Bundle
    </Button>
  );
}

function rangeOf(period: string): { from: string; to: string } {
  const now = new Date();
  const { from, to } = own(presets, period)?.at(now) ?? { from: new Date(everything), to: now };
  return { from: from.toISOString(), to: to.toISOString() };
}
