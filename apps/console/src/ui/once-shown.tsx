'use client';

import { Button } from './button.tsx';
import { CopyButton } from './copy-button.tsx';
import { Dialog } from './dialog.tsx';

/** A secret that is shown this once. */
export function OnceShown({
  title,
  text,
  note,
  onClose,
}: {
  readonly title: string;
  readonly text: string;
  readonly note: string;
  readonly onClose: () => void;
}) {
  return (
    <Dialog open onOpenChange={onClose} title={title} description={note}>
      <p className="flex items-center gap-2 rounded-md bg-raised px-3 py-2.5">
        <code className="foreign min-w-0 grow font-mono text-xs">{text}</code>
        <CopyButton text={text} label="Copy" />
      </p>
      <div className="mt-4 flex justify-end">
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
