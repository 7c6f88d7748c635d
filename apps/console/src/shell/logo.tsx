export function Logo({ className = 'size-6' }: { readonly className?: string }) {
  return (
    <svg aria-hidden viewBox="0 0 32 32" className={className}>
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <g stroke="var(--on-accent)" strokeLinecap="round">
        <path d="M8 10.5h16M8 16h16M8 21.5h16" strokeWidth="2" strokeOpacity=".5" />
        <path d="M11 7.5v17M16 7.5v17M21 7.5v17" strokeWidth="2.4" strokeDasharray="5 3" />
      </g>
    </svg>
  );
}
