'use client';

import {
  autocompletion,
  closeBrackets,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { EditorState, Prec, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, keymap, placeholder } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { useNonce } from '../shell/nonce.ts';
import { filterFields } from './filter-fields.ts';
import { filterTerm } from './filter-text.ts';

export interface FilterEditorProps {
  readonly value: string;
  /** Enter was pressed, or the field was left. */
  readonly onApply: (text: string) => void;
  /** Place of the fault in what was applied; null: none. */
  readonly fault: number | null;
  readonly valuesOf: (
    attribute: string,
  ) => Promise<readonly { readonly value: string; readonly count: number }[]>;
}

const hint = 'Filter: model:gpt-4o* status:error latency:>2s "words in the text"';
const setFault = StateEffect.define<number | null>();
const faultField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(decorations, transaction) {
    for (const effect of transaction.effects)
      if (effect.is(setFault)) return faultMark(effect.value, transaction.newDoc.toString());
    return transaction.docChanged ? Decoration.none : decorations;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** One line of filter grammar, with completion of fields and of the values that there are. */
export default function FilterEditor({ value, onApply, fault, valuesOf }: FilterEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const nonce = useNonce();
  const calls = useRef({ onApply, valuesOf });
  useEffect(() => {
    calls.current = { onApply, valuesOf };
  });

  useEffect(() => {
    if (!place.current) return;
    const apply = (editor: EditorView) => {
      calls.current.onApply(editor.state.doc.toString().trim());
      return true;
    };
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          EditorView.cspNonce.of(nonce),
          Prec.high(
            keymap.of([
              ...completionKeymap,
              { key: 'Enter', run: apply },
              { key: 'Escape', run: ({ contentDOM }) => (contentDOM.blur(), true) },
            ]),
          ),
          keymap.of([...historyKeymap, ...defaultKeymap]),
          history(),
          closeBrackets(),
          autocompletion({
            override: [(context) => complete(context, calls.current.valuesOf)],
            icons: false,
          }),
          placeholder(hint),
          EditorState.transactionFilter.of((transaction) =>
            transaction.newDoc.lines > 1 ? [] : transaction,
          ),
          EditorView.contentAttributes.of({
            'aria-label': 'Filter',
            id: 'filter',
            spellcheck: 'false',
            autocapitalize: 'off',
          }),
          EditorView.domEventHandlers({ blur: (_, editor) => void apply(editor) }),
          faultField,
          look,
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the editor is made once; later values are set below
  }, [nonce]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString().trim() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: setFault.of(fault) });
  }, [fault, value]);
  return <div ref={place} className="min-w-0 grow" />;
}

// The word at the fault: what comes after it may be right.
function faultMark(at: number | null, text: string): DecorationSet {
  if (at === null || text === '') return Decoration.none;
  const from = Math.min(at, text.length - 1);
  const word = /^[^\s:()]+/.exec(text.slice(from))?.[0] ?? '';
  return Decoration.set(Decoration.mark({ class: 'cm-fault' }).range(from, from + Math.max(1, word.length)));
}

async function complete(
  context: CompletionContext,
  valuesOf: FilterEditorProps['valuesOf'],
): Promise<CompletionResult | null> {
  const term = context.matchBefore(/[\w.]+:"?[^\s"()]*$/);
  const [name = '', typed = ''] = term ? term.text.split(/:(.*)/s) : [];
  const field = Object.hasOwn(filterFields, name) ? filterFields[name] : undefined;
  if (term && field) {
    const from = term.from + name.length + 1;
    if (!field.facet)
      return field.example
        ? { from, options: [{ label: field.example, detail: field.hint }], filter: false }
        : null;
    const values = await valuesOf(field.facet);
    const wanted = typed.replace('"', '').toLowerCase();
    const words =
      name === 'status' ? [{ value: 'ok', count: 0 }, { value: 'error', count: 0 }, ...values] : values;
    const options = words
      .filter(({ value }) => value.toLowerCase().includes(wanted))
      .map(({ value, count }) => ({
        label: value,
        apply: filterTerm(name, value).slice(name.length + 1),
        detail: count > 0 ? String(count) : '',
      }));
    return { from, options, filter: false };
  }
  const word = context.matchBefore(/-?\w*$/);
  if (!word || (word.text === '' && !context.explicit && context.pos > 0 && context.state.doc.length > 0))
    return null;
  const from = word.text.startsWith('-') ? word.from + 1 : word.from;
  return {
    from,
    options: Object.entries(filterFields).map(([label, { hint }]) => ({
      label,
      apply: `${label}:`,
      detail: hint,
    })),
    validFor: /^\w*$/,
  };
}

const look = EditorView.theme({
  '&': { fontSize: '13px', background: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': {
    fontFamily: 'var(--font-mono)',
    overflowX: 'hidden',
    lineHeight: '30px',
    scrollbarWidth: 'none',
  },
  '.cm-content': { padding: '0 4px', caretColor: 'var(--text)' },
  '.cm-line': { padding: 0 },
  '.cm-placeholder': { color: 'var(--muted)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-fault': { textDecoration: 'underline wavy var(--bad)', textUnderlineOffset: '4px' },
  '.cm-tooltip': {
    background: 'var(--surface)',
    border: '1px solid var(--line)',
    borderRadius: '8px',
    overflow: 'hidden',
    color: 'var(--text)',
    boxShadow: '0 8px 24px rgb(0 0 0 / .15)',
  },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono)', fontSize: '12px', maxHeight: '18rem' },
  '.cm-tooltip-autocomplete > ul > li': {
    padding: '3px 10px',
    display: 'flex',
    gap: '16px',
    justifyContent: 'space-between',
  },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    background: 'var(--accent-soft)',
    color: 'var(--text)',
  },
  '.cm-completionDetail': { color: 'var(--muted)', fontStyle: 'normal', fontFamily: 'var(--font-sans)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600' },
});
