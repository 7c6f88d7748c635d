'use client';

import {
  Bot,
  Boxes,
  Brain,
  FileText,
  ImageIcon,
  Link2,
  Server,
  ShieldX,
  UserRound,
  Wrench,
  type LucideIcon,
  Settings2,
} from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import type { Part, Turn } from './conversation.ts';
import { JsonTree } from './json-tree.tsx';
import { LongText, Prose } from './long-text.tsx';

// Looked up by names from outside: without a prototype, `constructor` is none of them.
const icons: Readonly<Record<string, LucideIcon>> = Object.assign(Object.create(null) as object, {
  user: UserRound,
  assistant: Bot,
  tool: Wrench,
  function: Wrench,
});
const foldAbove = 8;
/** What a provider's tool found is open up to here. Characters. */
const shortResult = 1500;
/** The kinds of image that are drawn; anything else, and anything from outside, is named only. */
const drawn = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

/** Turns from the first to the answer; the middle of a long one is folded. */
export function ConversationView({ turns }: { readonly turns: readonly Turn[] }) {
  const [whole, setWhole] = useState(false);
  const isFolded = !whole && turns.length > foldAbove + 2;
  const head = isFolded ? turns.slice(0, 2) : turns;
  const tail = isFolded ? turns.slice(2 - foldAbove) : [];
  return (
    <ol className="grid gap-3">
      {head.map((turn, index) => (
        <TurnView key={index} turn={turn} />
      ))}
      {isFolded && (
        <li>
          <button
            type="button"
            onClick={() => setWhole(true)}
            className="w-full rounded-md border border-dashed py-1.5 text-xs text-accent hover:bg-raised"
          >
            Show {turns.length - head.length - tail.length} turns between
          </button>
        </li>
      )}
      {tail.map((turn, index) => (
        <TurnView key={`tail${index}`} turn={turn} />
      ))}
    </ol>
  );
}

function TurnView({ turn: { role, parts, isAnswer } }: { readonly turn: Turn }) {
  const Icon = icons[role] ?? Settings2;
  const text = parts.map((part) => ('text' in part ? part.text : '')).join('\n');
  return (
    <li
      className={cn(
        'group grid gap-2 rounded-lg border px-3.5 py-3',
        isAnswer ? 'border-accent/40 bg-accent-soft/35' : 'bg-surface',
      )}
    >
      <div className="flex h-5 items-center gap-1.5 text-xs font-medium text-muted">
        <Icon aria-hidden className="size-3.5" />
        <span className="capitalize">{visibleText(role)}</span>
        {isAnswer && <span className="font-normal">· answer</span>}
        <span className="grow" />
        {text.trim() !== '' && (
          <CopyButton
            text={text}
            label="Copy text"
            className="opacity-0 group-hover:opacity-100 focus-visible:opacity-100"
          />
        )}
      </div>
      {parts.map((part, index) => (
        <PartView key={index} part={part} />
      ))}
      {parts.length === 0 && <p className="text-muted">Nothing was said.</p>}
    </li>
  );
}

function PartView({ part }: { readonly part: Part }) {
  switch (part.kind) {
    case 'text':
      return <Prose text={part.text} />;
    case 'reasoning':
      if (part.text === '')
        return (
          <Line icon={Brain}>
            <span>Reasoning that the provider did not show</span>
          </Line>
        );
      return (
        <Folded icon={Brain} title="Reasoning" open={part.text.length < 600}>
          <LongText text={part.text} className="text-muted" />
        </Folded>
      );
    case 'refusal':
      return (
        <div className="flex gap-2 rounded-md bg-bad-soft px-3 py-2 text-bad">
          <ShieldX aria-hidden className="mt-0.5 size-4 shrink-0" />
          <div>
            <p className="font-medium">Refused</p>
            <LongText text={part.text} />
          </div>
        </div>
      );
    case 'image':
      return <Picture url={part.url} />;
    case 'file':
      return <FilePart part={part} />;
    case 'toolCall':
      return <ToolCall part={part} />;
    case 'toolResult':
      return (
        <Labelled label={part.isError ? 'Result, an error' : 'Result'} isBad={part.isError}>
          <ToolResult text={part.text} />
        </Labelled>
      );
    case 'citation':
      return (
        <Line icon={Link2}>
          <bdi title={part.quote === undefined ? undefined : visibleText(part.quote.slice(0, 500))}>
            {visibleText(part.title)}
          </bdi>
          {part.url !== '' && part.url !== part.title && (
            <code className="foreign min-w-0 font-mono text-2xs">{visibleText(part.url)}</code>
          )}
        </Line>
      );
    case 'vectors':
      return (
        <div className="grid gap-1">
          <Line icon={Boxes}>
            <span className="tabular text-text">
              {formatCount(part.count)} {part.count === 1 ? 'vector' : 'vectors'} of{' '}
              {formatCount(part.dimensions)} dimensions
            </span>
          </Line>
          {part.first.length > 0 && (
            <code className="tabular font-mono text-2xs text-muted">
              [{part.first.map((number) => Number(number.toPrecision(5))).join(', ')}
              {part.dimensions > part.first.length && ', …'}]
            </code>
          )}
        </div>
      );
    case 'other':
      return (
        <Labelled label={visibleText(part.label)}>
          <JsonTree value={part.value} />
        </Labelled>
      );
  }
}

type PartOf<Kind extends Part['kind']> = Part & { readonly kind: Kind };

function ToolCall({ part }: { readonly part: PartOf<'toolCall'> }) {
  const { name, input, result, isProviders, isError } = part;
  const hasResult = result !== null || !isProviders;
  return (
    <Folded
      icon={isProviders ? Server : Wrench}
      title={isProviders ? `${visibleText(name)}, run by the provider` : `Calls ${visibleText(name)}`}
      hint={visibleText(JSON.stringify(input).slice(0, 200))}
      open={!isProviders || (result ?? '').length < shortResult}
    >
      <div className={cn('grid gap-2', hasResult && 'lg:grid-cols-2')}>
        <Labelled label="Arguments">
          {typeof input === 'string' ? <ToolResult text={input} /> : <JsonTree value={input} />}
        </Labelled>
        {hasResult && (
          <Labelled label={isError ? 'Result, an error' : 'Result'} isBad={isError}>
            {result === null ? (
              <p className="text-xs text-muted">Not in this call.</p>
            ) : (
              <ToolResult text={result} />
            )}
          </Labelled>
        )}
      </div>
    </Folded>
  );
}

function FilePart({ part: { name, note, words } }: { readonly part: PartOf<'file'> }) {
  return (
    <>
      <Line icon={FileText}>
        <bdi className="foreign min-w-0">{visibleText(name)}</bdi>
        {note !== '' && <span>{visibleText(note)}</span>}
      </Line>
      {words !== '' && <LongText text={words} className="border-l-2 pl-3" />}
    </>
  );
}

/** One thing in a line that says what it is. */
function Line({ icon: Icon, children }: { readonly icon: LucideIcon; readonly children: ReactNode }) {
  return (
    <p className="flex items-center gap-1.5 text-xs text-muted">
      <Icon aria-hidden className="size-3.5 shrink-0" />
      {children}
    </p>
  );
}

function ToolResult({ text }: { readonly text: string }) {
  const value = structureOf(text);
  if (value) return <JsonTree value={value} />;
  return <LongText text={text} className="font-mono text-xs leading-5" />;
}

/** The object or array that a text is; null for any other text. */
function structureOf(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function Picture({ url }: { readonly url: string }) {
  if (drawn.test(url))
    return (
      <img
        src={url}
        alt="Part of the conversation"
        className="max-h-80 max-w-full rounded-md border object-contain"
      />
    );
  return (
    <Line icon={ImageIcon}>
      <span className="shrink-0">Image, not loaded:</span>
      <code className="foreign min-w-0 font-mono text-2xs">{visibleText(url.slice(0, 200))}</code>
    </Line>
  );
}

function Labelled({
  label,
  isBad = false,
  children,
}: {
  readonly label: string;
  readonly isBad?: boolean | undefined;
  readonly children: ReactNode;
}) {
  return (
    <div className="min-w-0 rounded-md bg-raised/70 px-2.5 py-2">
      <p className={cn('pb-1 text-2xs font-medium', isBad ? 'text-bad' : 'text-muted')}>{label}</p>
      {children}
    </div>
  );
}

function Folded({
  icon: Icon,
  title,
  hint,
  open,
  children,
}: {
  readonly icon: LucideIcon;
  readonly title: string;
  /** What is inside, in a line, while it is closed. */
  readonly hint?: string;
  readonly open: boolean;
  readonly children: ReactNode;
}) {
  return (
    <details open={open} className="group/fold min-w-0 rounded-md border border-dashed px-3 py-2">
      <summary className="flex cursor-pointer items-center gap-1.5 text-xs font-medium text-muted">
        <Icon aria-hidden className="size-3.5 shrink-0" />
        <bdi className="max-w-full shrink-0 truncate">{title}</bdi>
        {hint !== undefined && (
          <code className="truncate font-mono text-2xs font-normal group-open/fold:hidden">{hint}</code>
        )}
      </summary>
      <div className="pt-2">{children}</div>
    </details>
  );
}
