'use client';

import type { LoomError } from '@loom/errors';
import type { ReactNode, SubmitEvent } from 'react';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { FaultyParam } from './field.tsx';

export interface FormDialogProps {
  readonly title: string;
  readonly description?: ReactNode;
  readonly action: string;
  readonly change: { readonly isPending: boolean; readonly error: LoomError | null };
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly className?: string;
  readonly children: ReactNode;
}

/** A form in a dialog. A refusal of the service stands above the button, and the field that it names is marked. */
export function FormDialog({
  title,
  description,
  action,
  change,
  onSubmit,
  onClose,
  className,
  children,
}: FormDialogProps) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={title}
      description={description}
      {...(className !== undefined && { className })}
    >
      <form onSubmit={submit} className="grid gap-3">
        <FaultyParam value={change.error?.param}>{children}</FaultyParam>
        {change.error && (
          <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad">
            {named(change.error)}
          </p>
        )}
        <div className="flex justify-end gap-2 pt-1">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={change.isPending}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function named({ param, message }: LoomError): string {
  return param === undefined || message.startsWith(param) ? message : `${param}: ${message}`;
}
