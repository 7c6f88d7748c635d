'use client';

import { Plus, Tags } from 'lucide-react';
import { useState } from 'react';
import { type OutputOf, useLoomChange } from '../api/loom.tsx';
import { usePages } from '../api/use-pages.ts';
import { formatPrice } from '../format/numbers.ts';
import { useMay } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmButton } from '../ui/confirm.tsx';
import { Field, Select, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Empty } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';
import { ManagePage } from './manage-page.tsx';
import { providerKinds } from './provider-kinds.ts';

type Price = OutputOf<'listPrices'>['prices'][number];

/** The price book, and the organization's custom prices, which override it. */
export function Prices() {
  const { get, set } = useUrlState();
  const [provider, search] = [get('provider') ?? '', get('search') ?? ''];
  const query = { ...(provider && { provider }), ...(search && { search }) };
  const { pages, error, retry, more, isLoadingMore } = usePages('listPrices', { query });
  const remove = useLoomChange('deletePrice', ['listPrices', 'listAudit']);
  const mayWrite = useMay('prices:write');
  const [isAdding, setAdding] = useState(get('add') !== null);
  const [wanted, setWanted] = useState(search);
  const [first] = pages ?? [];
  return (
    <ManagePage
      title="Prices"
      lead={
        first
          ? `Per million tokens, in US dollars. Book ${first.priceBookVersion}.`
          : 'Per million tokens, in US dollars.'
      }
      actions={
        <>
          <form
            role="search"
            onSubmit={(event) => {
              event.preventDefault();
              set({ search: wanted.trim() });
            }}
          >
            <TextInput
              aria-label="Search models"
              placeholder="Search models"
              className="w-44"
              value={wanted}
              onChange={(event) => setWanted(event.target.value)}
            />
          </form>
          <Select
            aria-label="Provider"
            className="w-40"
            value={provider}
            onChange={(event) => set({ provider: event.target.value })}
          >
            <option value="">All providers</option>
            {first?.providers.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
          {mayWrite && (
            <Button look="primary" onClick={() => setAdding(true)}>
              <Plus aria-hidden className="size-3.5" /> Add custom price
            </Button>
          )}
        </>
      }
      rows={pages?.flatMap(({ prices }) => prices)}
      error={error}
      retry={retry}
      keyOf={({ id, provider, model, from, serviceTier }) =>
        [id, provider, model, from, serviceTier].join(' ')
      }
      empty={
        <Empty icon={Tags} title="No price matches">
          Loom shows calls without a price as unpriced, never as free.
        </Empty>
      }
      columns={[
        { head: 'Provider', cell: ({ provider }) => provider },
        {
          head: 'Model',
          cell: ({ model, id }) => (
            <span className="flex items-center gap-2 font-medium">
              {model}
              {id !== null && <Badge tone="accent">custom</Badge>}
            </span>
          ),
        },
        { head: 'Input', align: 'right', cell: (price) => <Amount price={price} bucket="inputUncached" /> },
        { head: 'Cache read', align: 'right', cell: (price) => <Amount price={price} bucket="cacheRead" /> },
        {
          head: 'Cache write',
          align: 'right',
          cell: (price) => <Amount price={price} bucket="cacheWrite" />,
        },
        { head: 'Output', align: 'right', cell: (price) => <Amount price={price} bucket="outputText" /> },
        { head: 'From', cell: ({ from }) => from ?? '–', className: 'whitespace-nowrap' },
        { head: 'Tier', cell: ({ serviceTier }) => serviceTier },
        {
          head: 'State',
          cell: ({ inForce }) => (
            <Badge tone={inForce ? 'ok' : 'neutral'}>{inForce ? 'Active' : 'Inactive'}</Badge>
          ),
        },
        {
          head: 'Action',
          align: 'right',
          cell: ({ id, model }) =>
            mayWrite && id !== null ? (
              <ConfirmButton
                label="Remove"
                title={`Remove the custom price of ${model}?`}
                action="Remove"
                change={remove}
                onConfirm={(done) => remove.mutate({ params: { id } }, done)}
              >
                New calls use the price book again. Calls that are already priced keep their cost.
              </ConfirmButton>
            ) : null,
        },
      ]}
    >
      {more && (
        <Button busy={isLoadingMore} onClick={more} className="self-center">
          More
        </Button>
      )}
      {isAdding && (
        <AddPrice
          providers={first?.providers ?? []}
          model={get('add') ?? ''}
          onClose={() => {
            setAdding(false);
            set({ add: null });
          }}
        />
      )}
    </ManagePage>
  );
}

function Amount({ price, bucket }: { readonly price: Price; readonly bucket: string }) {
  const amount = Object.hasOwn(price.prices, bucket) ? price.prices[bucket] : undefined;
  if (!amount) return <span className="text-muted">–</span>;
  const tiers = amount.tiers
    .map(({ start, price }) => `above ${start} input tokens: ${formatPrice(price)}`)
    .join('\n');
  return (
    <span title={tiers || undefined} className={tiers && 'underline decoration-dotted underline-offset-4'}>
      {formatPrice(amount.base)}
    </span>
  );
}

function AddPrice({
  providers,
  model,
  onClose,
}: {
  /** Of the price book. */
  readonly providers: readonly string[];
  readonly model: string;
  readonly onClose: () => void;
}) {
  // Any kind of provider can have prices, those that the book does not know too.
  const kinds = [...new Set([...providerKinds.map(({ kind }) => kind), ...providers])].sort();
  const create = useLoomChange('createPrice', ['listPrices', 'listAudit']);
  const [price, setPrice] = useState({
    provider: model === '' ? '' : 'openai-compatible',
    model,
    from: new Date().toISOString().slice(0, 10),
    input: '',
    output: '',
    cacheRead: '',
    cacheWrite: '',
  });
  const set =
    (name: keyof typeof price) => (event: React.ChangeEvent<HTMLInputElement | HTMLSelectElement>) =>
      setPrice({ ...price, [name]: event.target.value });
  const submit = () =>
    create.mutate(
      {
        body: {
          ...{ provider: price.provider, model: price.model, from: price.from },
          inputPerMillionUsd: price.input,
          outputPerMillionUsd: price.output,
          cacheReadPerMillionUsd: price.cacheRead || null,
          cacheWritePerMillionUsd: price.cacheWrite || null,
        },
      },
      {
        onSuccess: () => {
          notify(`Custom price for ${price.model} applies from ${price.from}.`);
          onClose();
        },
      },
    );
  const amounts = [
    ['input', 'Input', true],
    ['output', 'Output', true],
    ['cacheRead', 'Cache read', false],
    ['cacheWrite', 'Cache write', false],
  ] as const;
  return (
    <FormDialog
      title="Add custom price"
      description="Overrides the price book from this date."
      action="Add"
      change={create}
      onSubmit={submit}
      onClose={onClose}
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="Provider kind">
          {(ids) => (
            <Select {...ids} required value={price.provider} onChange={set('provider')}>
              <option value="" disabled>
                Choose a kind
              </option>
              {kinds.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="From (UTC)">
          {(ids) => <TextInput {...ids} type="date" required value={price.from} onChange={set('from')} />}
        </Field>
      </div>
      <Field label="Model" hint="The exact model name">
        {(ids) => <TextInput {...ids} required autoFocus value={price.model} onChange={set('model')} />}
      </Field>
      <div className="grid gap-3 sm:grid-cols-2">
        {amounts.map(([name, label, required]) => (
          <Field
            key={name}
            label={`${label}, $ per million`}
            hint={required ? undefined : 'Defaults to the input price'}
          >
            {(ids) => (
              <TextInput
                {...ids}
                inputMode="decimal"
                required={required}
                placeholder="2.50"
                value={price[name]}
                onChange={set(name)}
              />
            )}
          </Field>
        ))}
      </div>
    </FormDialog>
  );
}
