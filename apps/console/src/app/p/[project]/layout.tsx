import { headers } from 'next/headers';
import type { ReactNode } from 'react';
import { askingScript, firstQuestions } from '../../../api/ahead.ts';
import { Shell } from '../../../shell/shell.tsx';

export default async function ProjectLayout({
  params,
  children,
}: LayoutProps<'/p/[project]'> & { readonly children: ReactNode }) {
  const projectId = decodeURIComponent((await params).project);
  const head = await headers();
  const script = askingScript(firstQuestions(head.get('x-path') ?? '', projectId));
  return (
    <>
      <script nonce={head.get('x-nonce') ?? ''} dangerouslySetInnerHTML={{ __html: script }} />
      <Shell projectId={projectId}>{children}</Shell>
    </>
  );
}
