'use client';

import { diffLines } from 'diff';
import { useMemo, useState } from 'react';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';

const charsMax = 400_000;
const timeoutMs = 1500;
const contextLines = 3;
const linesMax = 2000;

interface Line {
  readonly kind: 'same' | 'gone' | 'new' | 'gap';
  readonly text: string;
}

/** Two texts line by line; what is the same on both sides is folded. */
export default function TextDiff({
  title,
  before,
  after,
}: {
  readonly title: string;
  readonly before: string;
  readonly after: string;
}) {
  const [isFolded, setFolded] = useState(true);
  const lines = useMemo(() => linesOf(before, after), [before, after]);
  if (lines === null)
    return (
      <p className="rounded-md bg-warn-soft px-3 py-2 text-warn">
        {title}: too different or too long to compare line by line.
      </p>
    );
  const isSame = lines.every(({ kind }) => kind === 'same');
  const shown = isFolded ? folded(lines) : lines;
  return (
    <section className="min-w-0 rounded-lg border">
      <h3 className="flex h-8 items-center justify-between border-b px-3 text-xs font-medium text-muted">
        {title}
        {isSame ? (
          <span className="font-normal">the same</span>
        ) : (
          <button
            type="button"
            onClick={() => setFolded(!isFolded)}
            className="font-normal text-accent hover:underline"
          >
            {isFolded ? 'Show all lines' : 'Fold what is the same'}
          </button>
        )}
      </h3>
      {!isSame && (
        <div
          tabIndex={0}
          role="region"
          aria-label={`Difference of ${title}`}
          className="max-h-[32rem] overflow-auto py-1 font-mono text-xs leading-5"
        >
          {shown.slice(0, linesMax).map(({ kind, text }, index) => (
            <div
              key={index}
              className={cn(
                'foreign px-3',
                kind === 'gone' && 'bg-bad-soft',
                kind === 'new' && 'bg-ok-soft',
                kind === 'gap' && 'bg-raised text-muted',
              )}
            >
              <span aria-hidden className="mr-2 inline-block w-2 text-muted select-none">
                {kind === 'gone' ? '−' : kind === 'new' ? '+' : ''}
              </span>
              {kind !== 'same' && kind !== 'gap' && (
                <span className="sr-only">{kind === 'gone' ? 'only before: ' : 'only after: '}</span>
              )}
              {visibleText(text.slice(0, 4000))}
            </div>
          ))}
          {shown.length > linesMax && <p className="px-3 text-muted">{shown.length - linesMax} more lines</p>}
        </div>
      )}
    </section>
  );
}

function linesOf(before: string, after: string): Line[] | null {
  if (before.length > charsMax || after.length > charsMax) return null;
  const changes = diffLines(before, after, { timeout: timeoutMs });
  return (
    changes?.flatMap(({ value, added, removed }) => {
      const kind = added ? 'new' : removed ? 'gone' : 'same';
      return value
        .replace(/\n$/, '')
        .split('\n')
        .map((text) => ({ kind, text }) as const);
    }) ?? null
  );
}

function folded(lines: readonly Line[]): Line[] {
  const isNear = (at: number) =>
    lines.slice(Math.max(0, at - contextLines), at + contextLines + 1).some(({ kind }) => kind !== 'same');
  const kept: Line[] = [];
  let skipped = 0;
  const close = () => {
    if (skipped > 0) kept.push({ kind: 'gap', text: `${skipped} lines are the same` });
    skipped = 0;
  };
  for (const [at, line] of lines.entries()) {
    if (isNear(at)) {
      close();
      kept.push(line);
    } else skipped += 1;
  }
  close();
  return kept;
}
