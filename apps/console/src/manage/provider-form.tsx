'use client';

import type { ProviderSettings } from '@loom/api-contract';
import { useState } from 'react';
import { useLoomChange } from '../api/loom.tsx';
import { Field, Select, TextArea, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { notify } from '../ui/toaster.tsx';
import {
  countKeys,
  nextBaseUrl,
  type ProviderKind,
  providerKindOf,
  providerKinds,
  type ProviderOption,
} from './provider-kinds.ts';

type Options = Readonly<Record<string, string>>;

export function ProviderForm({
  provider,
  onClose,
}: {
  /** Null: a new one. */
  readonly provider: ProviderSettings | null;
  readonly onClose: () => void;
}) {
  const create = useLoomChange('createProvider', ['listProviders', 'listAudit']);
  const update = useLoomChange('updateProvider', ['listProviders', 'listAudit']);
  const [name, setName] = useState(provider?.name ?? '');
  const [kind, setKind] = useState(providerKindOf(provider?.kind ?? 'openai'));
  const [baseUrl, setBaseUrl] = useState(provider?.baseUrl ?? kind.baseUrl);
  const [options, setOptions] = useState<Options>(provider?.options ?? {});
  const [credential, setCredential] = useState('');
  const [models, setModels] = useState(provider?.models.join(', ') ?? '');
  const [enabled, setEnabled] = useState(provider?.enabled ?? true);
  const setOption = ({ name, baseUrlOf }: ProviderOption, value: string) => {
    setOptions({ ...options, [name]: value });
    if (baseUrlOf) setBaseUrl(nextBaseUrl(baseUrl, baseUrlOf(options[name] ?? ''), baseUrlOf(value)));
  };
  const chooseKind = (next: ProviderKind) => {
    setKind(next);
    setOptions({});
    setBaseUrl(nextBaseUrl(baseUrl, addressOf(kind, options), next.baseUrl));
  };
  const isNewAddress = provider !== null && baseUrl !== provider.baseUrl && provider.hasCredential;
  const submit = () => {
    const done = {
      onSuccess: () => {
        notify(`Provider “${name}” is ${provider ? 'changed' : 'added'}.`);
        onClose();
      },
    };
    const body = { enabled, models: models.split(/[\s,]+/).filter(Boolean), options: given(options) };
    const secret = credential.trim();
    if (!provider) {
      const fresh = { ...body, name, kind: kind.kind, baseUrl, credential: secret || null };
      create.mutate({ body: fresh }, done);
      return;
    }
    const moved = { ...(baseUrl !== provider.baseUrl && { baseUrl }), ...(secret && { credential: secret }) };
    update.mutate({ params: { id: provider.id }, body: { ...body, ...moved } }, done);
  };
  return (
    <FormDialog
      title={provider ? `Edit “${provider.name}”` : 'Add a provider'}
      {...(provider && { description: kind.label })}
      action={provider ? 'Save' : 'Add'}
      change={provider ? update : create}
      onSubmit={submit}
      onClose={onClose}
    >
      {!provider && (
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Kind" param="kind">
            {(ids) => (
              <Select
                {...ids}
                autoFocus
                value={kind.kind}
                onChange={(event) => chooseKind(providerKindOf(event.target.value))}
              >
                {providerKinds.map(({ kind, label }) => (
                  <option key={kind} value={kind}>
                    {label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Name" param="name" hint="First part of provider/model.">
            {(ids) => (
              <TextInput
                {...ids}
                required
                pattern="[a-z0-9][a-z0-9\-]{0,62}"
                title="Lower-case letters, digits and dashes"
                placeholder={kind.kind}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
        </div>
      )}
      {kind.options?.map((option) => (
        <Field key={option.name} label={option.label} param={`options.${option.name}`} hint={option.hint}>
          {(ids) => (
            <TextInput
              {...ids}
              required={option.required}
              maxLength={200}
              placeholder={option.example}
              value={options[option.name] ?? ''}
              onChange={(event) => setOption(option, event.target.value.trim())}
            />
          )}
        </Field>
      ))}
      <Field label="Base URL" param="baseUrl">
        {(ids) => (
          <TextInput
            {...ids}
            type="url"
            required
            placeholder={kind.address}
            value={baseUrl}
            onChange={(event) => setBaseUrl(event.target.value)}
          />
        )}
      </Field>
      <CredentialField
        kind={kind}
        isStored={provider?.hasCredential ?? false}
        isRequired={isNewAddress}
        value={credential}
        onChange={setCredential}
      />
      <Field
        label="Models"
        param="models"
        hint="Bare names that it serves, with * at the end for all that begin so. Optional."
      >
        {(ids) => (
          <TextInput
            {...ids}
            placeholder="gpt-4o*, o3"
            value={models}
            onChange={(event) => setModels(event.target.value)}
          />
        )}
      </Field>
      <label className="flex items-center gap-2">
        <input type="checkbox" checked={enabled} onChange={(event) => setEnabled(event.target.checked)} />{' '}
        Enabled
      </label>
    </FormDialog>
  );
}

function CredentialField({
  kind,
  isStored,
  isRequired,
  value,
  onChange,
}: {
  readonly kind: ProviderKind;
  readonly isStored: boolean;
  readonly isRequired: boolean;
  readonly value: string;
  readonly onChange: (credential: string) => void;
}) {
  const keys = countKeys(value);
  const state = isRequired
    ? 'A new address needs it again.'
    : isStored && keys === 0
      ? 'Leave it empty to keep the stored one.'
      : keys > 1
        ? `${keys} keys, used in turn; one that is refused is passed over.`
        : 'Several keys, one a line, are used in turn.';
  return (
    <Field
      label="Credential"
      param="credential"
      hint={
        <>
          {kind.credential} {state}
        </>
      }
    >
      {(ids) => (
        <TextArea
          {...ids}
          isSecret
          rows={Math.min(6, Math.max(1, value.split('\n').length))}
          required={isRequired}
          maxLength={16_000}
          className="font-mono text-xs leading-4.5"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** The address that a kind with these options begins with. */
function addressOf({ baseUrl, options = [] }: ProviderKind, given: Options): string {
  return options.reduce((address, { name, baseUrlOf }) => baseUrlOf?.(given[name] ?? '') ?? address, baseUrl);
}

function given(options: Options): Record<string, string> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ''));
}
