'use client';

import {
  Bot,
  Brain,
  ImageIcon,
  Link2,
  ShieldX,
  UserRound,
  Wrench,
  type LucideIcon,
  Settings2,
} from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';
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
      return (
        <Folded icon={Brain} title="Reasoning" open={part.text.length < 600}>
          <LongText text={part.text || 'The provider did not show it.'} className="text-muted" />
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
    case 'toolCall':
      return (
        <Folded icon={Wrench} title={`Calls ${visibleText(part.name)}`} open>
          <div className="grid gap-2 lg:grid-cols-2">
            <Labelled label="Arguments">
              <JsonTree value={part.input} />
            </Labelled>
            <Labelled label="Result">
              {part.result === null ? (
                <p className="text-xs text-muted">Not in this call.</p>
              ) : (
                <ToolResult text={part.result} />
              )}
            </Labelled>
          </div>
        </Folded>
      );
    case 'toolResult':
      return <ToolResult text={part.text} />;
    case 'citation':
      return (
        <p className="flex items-center gap-1.5 text-xs text-muted">
          <Link2 aria-hidden className="size-3.5 shrink-0" />
          <bdi>{visibleText(part.title)}</bdi>
          <code className="foreign font-mono text-2xs">{visibleText(part.url)}</code>
        </p>
      );
    case 'other':
      return (
        <Labelled label={visibleText(part.label)}>
          <JsonTree value={part.value} />
        </Labelled>
      );
  }
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
    <p className="flex items-center gap-1.5 text-xs text-muted">
      <ImageIcon aria-hidden className="size-3.5 shrink-0" />
      Image, not loaded: <code className="foreign font-mono text-2xs">{visibleText(url.slice(0, 200))}</code>
    </p>
  );
}

function Labelled({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div className="min-w-0 rounded-md bg-raised/70 px-2.5 py-2">
      <p className="pb-1 text-2xs font-medium text-muted">{label}</p>
      {children}
    </div>
  );
}

function Folded({
  icon: Icon,
  title,
  open,
  children,
}: {
  readonly icon: LucideIcon;
  readonly title: string;
  readonly open: boolean;
  readonly children: ReactNode;
}) {
  return (
    <details open={open} className="rounded-md border border-dashed px-3 py-2">
      <summary className="flex cursor-pointer items-center gap-1.5 text-xs font-medium text-muted">
        <Icon aria-hidden className="size-3.5" />
        <bdi className="truncate">{title}</bdi>
      </summary>
      <div className="pt-2">{children}</div>
    </details>
  );
}
