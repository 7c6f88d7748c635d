import type { Metadata } from 'next';
import { TracePage } from '../../../../../trace/trace-page.tsx';

export const metadata: Metadata = { title: 'Trace' };

export default async function Page({ params }: PageProps<'/p/[project]/traces/[traceId]'>) {
  return <TracePage traceId={decodeURIComponent((await params).traceId)} />;
}
