/** What the system says in mid-conversation, where only the user can say it. */
export function instructionText({ text }: { readonly text: string }): string {
  return `<system>\n${text}\n</system>`;
}
