'use client';

import NextLink from 'next/link';
import { useRouter } from 'next/navigation';
import type { ComponentProps } from 'react';

/**
 * A link whose page is fetched when someone points at it. Next would fetch the pages of all links in view: thirty
 * requests beside the one that the page itself waits for.
 */
export function Link({
  href,
  ...rest
}: Omit<ComponentProps<typeof NextLink>, 'href' | 'prefetch'> & { readonly href: string }) {
  const router = useRouter();
  const fetchPage = () => router.prefetch(href);
  return <NextLink onPointerEnter={fetchPage} onFocus={fetchPage} {...rest} href={href} prefetch={false} />;
}
