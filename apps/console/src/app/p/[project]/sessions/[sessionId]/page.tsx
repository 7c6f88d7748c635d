import type { Metadata } from 'next';
import { SessionPage } from '../../../../../activity/session-page.tsx';

export const metadata: Metadata = { title: 'Session' };

export default async function Page({ params }: PageProps<'/p/[project]/sessions/[sessionId]'>) {
  return <SessionPage sessionId={decodeURIComponent((await params).sessionId)} />;
}
