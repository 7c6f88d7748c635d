/** Ids of the traces that are selected. */
export type Selection = Readonly<Record<string, boolean>>;

export function toggled(selection: Selection, id: string): Selection {
  const { [id]: was, ...others } = selection;
  return was ? others : { ...others, [id]: true };
}
