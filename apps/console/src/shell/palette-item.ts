/** How a line of the palette looks. */
export const paletteItem =
  'flex cursor-pointer items-center gap-2.5 rounded-md px-3 py-2 data-[selected=true]:bg-raised';
