import type { ReactNode } from 'react';
import { Shell } from '../../../shell/shell.tsx';

export default async function ProjectLayout({
  params,
  children,
}: LayoutProps<'/p/[project]'> & { readonly children: ReactNode }) {
  const { project } = await params;
  return <Shell projectId={decodeURIComponent(project)}>{children}</Shell>;
}
