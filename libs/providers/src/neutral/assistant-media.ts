import type { NeutralAssistantBlock, NeutralMessage, NeutralUserBlock } from './neutral-request.ts';

/** The blocks of a message without images and sounds that a model made: most APIs do not take them back. */
export function sayable(
  { role, content }: NeutralMessage,
  drop: (path: string) => void,
): readonly (NeutralUserBlock | NeutralAssistantBlock)[] {
  if (role === 'user') return content;
  return content.filter(({ type }) => {
    const isMedia = type === 'image' || type === 'audio';
    if (isMedia) drop(`assistant ${type}`);
    return !isMedia;
  });
}
