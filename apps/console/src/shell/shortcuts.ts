/** True while keys belong to a field, or to a menu or dialog that has its own. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (!target) return false;
  return (
    target.isContentEditable ||
    target.closest('input, textarea, select, [role=menu], [role=dialog][aria-modal=true], .cm-editor') !==
      null
  );
}

export const shortcuts: readonly { readonly keys: string; readonly does: string }[] = [
  { keys: '⌘K / Ctrl K', does: 'Go to a page, or search traces' },
  { keys: 'J / K', does: 'Next or previous row' },
  { keys: 'Enter', does: 'Open the row' },
  { keys: 'Space', does: 'Peek at the row' },
  { keys: 'X', does: 'Select the row' },
  { keys: '/', does: 'Go to the filter' },
  { keys: 'P', does: 'Pause the live tail' },
  { keys: 'Esc', does: 'Close what is open' },
  { keys: '?', does: 'This list' },
];
