import type { Metadata } from 'next';
import { LivePage } from '../../../../live/live-page.tsx';

export const metadata: Metadata = { title: 'Live tail' };

export default function Page() {
  return <LivePage />;
}
