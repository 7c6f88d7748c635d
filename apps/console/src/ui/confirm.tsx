'use client';

import type { LoomError } from '@loom/errors';
import { type ReactNode, useState } from 'react';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';

export interface ConfirmButtonProps {
  /** On the button of the row. */
  readonly label: string;
  readonly title: string;
  /** What will happen, in a sentence. */
  readonly children: ReactNode;
  /** On the button that does it. */
  readonly action: string;
  readonly change: { readonly isPending: boolean; readonly error: LoomError | null };
  readonly onConfirm: (done: { readonly onSuccess: () => void }) => void;
}

/** A change that cannot be taken back: asks first, and says what went wrong where it was asked. */
export function ConfirmButton({ label, title, children, action, change, onConfirm }: ConfirmButtonProps) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="small" onClick={() => setOpen(true)}>
        {label}
      </Button>
      {open && (
        <Dialog open onOpenChange={setOpen} title={title} description={children}>
          {change.error && (
            <p role="alert" className="mb-3 text-bad">
              {change.error.message}
            </p>
          )}
          <div className="flex justify-end gap-2">
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button
              look="danger"
              busy={change.isPending}
              onClick={() => onConfirm({ onSuccess: () => setOpen(false) })}
            >
              {action}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
