/**
 * The mark of a tab. In the document itself: as a file, Next puts its link into the page again at every step, and the
 * browser asks for it beside what the page waits for.
 */
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#4f46e5"/>
<path d="M8 10h16M8 16h16M8 22h16" stroke="#fff" stroke-width="2" stroke-opacity=".45"/>
<path d="M11 7v18M16 7v18M21 7v18" stroke="#fff" stroke-width="2.4" stroke-linecap="round" stroke-dasharray="4.5 3"/>
</svg>`;

export const iconUrl = `data:image/svg+xml,${encodeURIComponent(svg)}`;
