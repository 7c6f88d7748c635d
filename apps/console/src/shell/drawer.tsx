'use client';

import { Dialog } from 'radix-ui';
import { SideBar } from './side-bar.tsx';

/** The side bar of narrow screens. */
export function Drawer({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog.Root open onOpenChange={onClose}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/45 md:hidden" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-y-0 left-0 z-50 w-64 border-r bg-canvas md:hidden"
        >
          <Dialog.Title className="sr-only">Navigation</Dialog.Title>
          <SideBar onNavigate={onClose} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
