'use client';

import type { ModelAlias } from '@loom/api-contract';
import { ArrowUp, Plus, X } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { useSession } from '../shell/session.tsx';
import { Button } from '../ui/button.tsx';
import { Field, FieldGroup, Select, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { notify } from '../ui/toaster.tsx';
import {
  addTarget,
  balancedMax,
  type DraftTarget,
  type FallbackReason,
  fallbackReasons,
  fallbacksMax,
  fromDraft,
  moveUp,
  type RouteDraft,
  sharesOf,
  type TimeoutName,
  timeoutNames,
  toDraft,
} from './route-draft.ts';

type SetDraft = (change: Partial<RouteDraft>) => void;
interface PartProps {
  readonly draft: RouteDraft;
  readonly setDraft: SetDraft;
  readonly providers: readonly string[];
}

/** An alias with all that it may say: who answers, by which share, who instead, how often and how long. */
export function RouteForm({
  alias,
  onClose,
}: {
  /** Null: a new one. */
  readonly alias: ModelAlias | null;
  readonly onClose: () => void;
}) {
  const create = useLoomChange('createAlias', ['listAliases', 'listAudit']);
  const update = useLoomChange('updateAlias', ['listAliases', 'listAudit']);
  const known = useLoom('listProviders').data?.providers ?? [];
  const { project } = useSession();
  const [name, setName] = useState(alias?.alias ?? '');
  const [typed, setTyped] = useState(() => toDraft(alias));
  const providers = known.filter(({ enabled }) => enabled).map(({ name }) => name);
  const first = providers[0] ?? '';
  // Nobody has chosen a provider before the list of them is here.
  const named = (targets: readonly DraftTarget[]) =>
    targets.map((target) => (target.provider === '' ? { ...target, provider: first } : target));
  const draft = { ...typed, balanced: named(typed.balanced), fallbacks: named(typed.fallbacks) };
  const part = {
    ...{ draft, providers },
    setDraft: (change: Partial<RouteDraft>) => setTyped({ ...draft, ...change }),
  };
  const submit = () => {
    const body = fromDraft(draft);
    const done = {
      onSuccess: () => {
        notify(alias ? `Alias “${name}” is changed.` : `${name} now means ${body.provider}/${body.model}.`);
        onClose();
      },
    };
    if (alias) update.mutate({ params: { id: alias.id }, body }, done);
    else create.mutate({ body: { alias: name, ...body } }, done);
  };
  return (
    <FormDialog
      title={alias ? `Edit “${alias.alias}”` : 'Add a model alias'}
      description={alias ? 'Calls take the new way within a second.' : `In the project ${project.name}.`}
      action={alias ? 'Save' : 'Add'}
      change={alias ? update : create}
      onSubmit={submit}
      onClose={onClose}
      className="max-w-2xl"
    >
      {!alias && (
        <Field label="Alias" param="alias" hint="What applications send as model: fast, summarizer …">
          {(ids) => (
            <TextInput
              {...ids}
              required
              maxLength={200}
              autoFocus
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
      )}
      <Targets {...part} />
      <Fallbacks {...part} />
      <Tries {...part} />
    </FormDialog>
  );
}

/** Who answers first: one target, or several by weight. */
function Targets({ draft: { balanced }, setDraft, providers }: PartProps) {
  const shares = sharesOf(balanced.map(({ weight }) => weight));
  const isBalanced = balanced.length > 1;
  const set = (index: number, change: Partial<DraftTarget>) =>
    setDraft({ balanced: balanced.map((row, at) => (at === index ? { ...row, ...change } : row)) });
  return (
    <FieldGroup
      title={isBalanced ? 'Targets, by weight' : 'Target'}
      note={isBalanced ? 'Each call goes to one of them.' : undefined}
      action={
        balanced.length < balancedMax && (
          <AddButton onClick={() => setDraft({ balanced: addTarget(balanced, providers[0] ?? '') })}>
            Balance with another
          </AddButton>
        )
      }
    >
      {balanced.map((target, index) => (
        <TargetRow
          key={target.key}
          target={target}
          providers={providers}
          of={index === 0 ? undefined : `target ${index + 1}`}
          param={index === 0 ? '' : `route.balance.${index - 1}.`}
          hasLabels={index === 0}
          onChange={(change) => set(index, change)}
        >
          {isBalanced && (
            <>
              <WeightField
                of={`target ${index + 1}`}
                hasLabel={index === 0}
                weight={target.weight}
                onChange={(weight) => set(index, { weight })}
              />
              <span className="tabular w-10 pb-1.5 text-right text-xs text-muted">
                {Math.round(shares[index] ?? 0)} %
              </span>
              <IconButton
                label={`Remove target ${index + 1}`}
                onClick={() => setDraft({ balanced: balanced.filter((_, at) => at !== index) })}
              >
                <X aria-hidden className="size-3.5" />
              </IconButton>
            </>
          )}
        </TargetRow>
      ))}
    </FieldGroup>
  );
}

/** Who answers instead, in order, and when. */
function Fallbacks({ draft: { fallbacks, fallbackOn }, setDraft, providers }: PartProps) {
  const set = (index: number, change: Partial<DraftTarget>) =>
    setDraft({ fallbacks: fallbacks.map((row, at) => (at === index ? { ...row, ...change } : row)) });
  return (
    <FieldGroup
      title="Fallbacks"
      note={
        fallbacks.length === 0 ? 'Who answers instead, before a first byte was handed out.' : 'In this order.'
      }
      action={
        fallbacks.length < fallbacksMax && (
          <AddButton onClick={() => setDraft({ fallbacks: addTarget(fallbacks, providers[0] ?? '') })}>
            Add fallback
          </AddButton>
        )
      }
    >
      {fallbacks.map((target, index) => (
        <TargetRow
          key={target.key}
          target={target}
          providers={providers}
          of={`fallback ${index + 1}`}
          param={`route.fallbacks.${index}.`}
          hasLabels={index === 0}
          onChange={(change) => set(index, change)}
        >
          <IconButton
            label={`Fallback ${index + 1} earlier`}
            disabled={index === 0}
            onClick={() => setDraft({ fallbacks: moveUp(fallbacks, index) })}
          >
            <ArrowUp aria-hidden className="size-3.5" />
          </IconButton>
          <IconButton
            label={`Remove fallback ${index + 1}`}
            onClick={() => setDraft({ fallbacks: fallbacks.filter((_, at) => at !== index) })}
          >
            <X aria-hidden className="size-3.5" />
          </IconButton>
        </TargetRow>
      ))}
      {fallbacks.length > 0 && (
        <div className="grid gap-1 text-xs">
          <p className="text-muted">The next one is tried when</p>
          {(Object.keys(fallbackReasons) as FallbackReason[]).map((reason) => (
            <label key={reason} className="flex items-center gap-2">
              <input
                type="checkbox"
                checked={fallbackOn.includes(reason)}
                onChange={({ target }) =>
                  setDraft({
                    fallbackOn: target.checked
                      ? [...fallbackOn, reason]
                      : fallbackOn.filter((other) => other !== reason),
                  })
                }
              />
              {fallbackReasons[reason]}
            </label>
          ))}
        </div>
      )}
    </FieldGroup>
  );
}

function Tries({ draft: { retries, timeouts }, setDraft }: PartProps) {
  return (
    <FieldGroup title="Tries and timeouts" note="Seconds; empty: as the gateway is set.">
      <div className="grid grid-cols-2 gap-2 sm:grid-cols-5">
        <Field label="Retries" param="route.retries">
          {(ids) => (
            <Select
              {...ids}
              value={retries}
              onChange={(event) => setDraft({ retries: Number(event.target.value) })}
            >
              {[0, 1, 2, 3, 4, 5].map((count) => (
                <option key={count} value={count}>
                  {count === 0 ? 'none' : count}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {(Object.keys(timeoutNames) as TimeoutName[]).map((name) => (
          <Field key={name} label={timeoutNames[name]} param={`route.timeouts.${name}`}>
            {(ids) => (
              <TextInput
                {...ids}
                type="number"
                min={0.001}
                max={3600}
                step={0.001}
                placeholder="default"
                value={timeouts[name]}
                onChange={(event) => setDraft({ timeouts: { ...timeouts, [name]: event.target.value } })}
              />
            )}
          </Field>
        ))}
      </div>
    </FieldGroup>
  );
}

/** Provider and model in one line; only the first line of a group shows its labels. */
function TargetRow({
  target: { provider, model },
  providers,
  of,
  param,
  hasLabels,
  onChange,
  children,
}: {
  readonly target: DraftTarget;
  readonly providers: readonly string[];
  /** What tells its labels from those of other rows. */
  readonly of: string | undefined;
  readonly param: string;
  readonly hasLabels: boolean;
  readonly onChange: (change: Partial<DraftTarget>) => void;
  readonly children?: ReactNode;
}) {
  const listed = providers.includes(provider) || provider === '' ? providers : [provider, ...providers];
  return (
    <div className="flex flex-wrap items-end gap-2">
      <div className="min-w-28 flex-[1.2] sm:min-w-40">
        <Field label="Provider" of={of} hasHiddenLabel={!hasLabels} param={`${param}provider`}>
          {(ids) => (
            <Select
              {...ids}
              required
              value={provider}
              onChange={(event) => onChange({ provider: event.target.value })}
            >
              {listed.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <div className="min-w-24 flex-[1.6] sm:min-w-36">
        <Field label="Model" of={of} hasHiddenLabel={!hasLabels} param={`${param}model`}>
          {(ids) => (
            <TextInput
              {...ids}
              required
              maxLength={200}
              placeholder="The provider’s own name for it"
              value={model}
              onChange={(event) => onChange({ model: event.target.value })}
            />
          )}
        </Field>
      </div>
      {/* On a narrow screen they stay together, below the fields. */}
      <div className="ml-auto flex items-end gap-2">{children}</div>
    </div>
  );
}

function WeightField({
  of,
  hasLabel,
  weight,
  onChange,
}: {
  readonly of: string;
  readonly hasLabel: boolean;
  readonly weight: number;
  readonly onChange: (weight: number) => void;
}) {
  return (
    <div className="w-18">
      <Field label="Weight" of={of} hasHiddenLabel={!hasLabel}>
        {(ids) => (
          <TextInput
            {...ids}
            type="number"
            required
            min={1}
            max={1000}
            step={1}
            value={weight === 0 ? '' : weight}
            onChange={(event) => onChange(Number(event.target.value))}
          />
        )}
      </Field>
    </div>
  );
}

function AddButton({ onClick, children }: { readonly onClick: () => void; readonly children: ReactNode }) {
  return (
    <Button size="small" onClick={onClick}>
      <Plus aria-hidden className="size-3" /> {children}
    </Button>
  );
}

function IconButton({
  label,
  disabled = false,
  onClick,
  children,
}: {
  readonly label: string;
  readonly disabled?: boolean;
  readonly onClick: () => void;
  readonly children: ReactNode;
}) {
  return (
    <Button size="icon" look="ghost" aria-label={label} title={label} disabled={disabled} onClick={onClick}>
      {children}
    </Button>
  );
}
