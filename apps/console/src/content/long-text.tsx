'use client';

import { useMemo, useState } from 'react';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatBytes } from '../format/numbers.ts';

const firstChars = 12_000;
const moreChars = 200_000;

/** Foreign text as text: nothing in it is markup, nothing in it is hidden, and a megabyte comes in pieces. */
export function LongText({ text, className }: { readonly text: string; readonly className?: string }) {
  const [shown, setShown] = useState(firstChars);
  const visible = useMemo(() => visibleText(text.slice(0, shown)), [text, shown]);
  const left = text.length - shown;
  return (
    <>
      <div className={cn('foreign', className)}>{visible}</div>
      {left > 0 && (
        <button
          type="button"
          onClick={() => setShown(shown + moreChars)}
          className="mt-1 block text-xs text-accent hover:underline"
        >
          Show {left > moreChars ? 'more' : 'the rest'} ({formatBytes(left)} left)
        </button>
      )}
    </>
  );
}

/** Prose with its code blocks set apart. Everything else that looks like markup stays as it was written. */
export function Prose({ text }: { readonly text: string }) {
  const pieces = useMemo(() => splitCode(text), [text]);
  return (
    <div className="grid gap-2">
      {pieces.map(({ isCode, content }, index) =>
        isCode ? (
          <div key={index} className="overflow-x-auto rounded-md bg-raised px-3 py-2">
            <LongText text={content} className="font-mono text-xs leading-5" />
          </div>
        ) : (
          <div key={index}>
            <LongText text={content} className="leading-6" />
          </div>
        ),
      )}
    </div>
  );
}

const fencesMax = 200;

function splitCode(text: string): { readonly isCode: boolean; readonly content: string }[] {
  const pieces = text.split(/^```[^\n]*\n?/m, fencesMax);
  if (pieces.length === fencesMax) return [{ isCode: false, content: text }];
  return pieces
    .map((content, index) => ({ isCode: index % 2 === 1, content: content.replace(/\n$/, '') }))
    .filter(({ content }) => content !== '');
}
