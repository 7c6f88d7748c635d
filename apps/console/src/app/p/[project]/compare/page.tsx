import type { Metadata } from 'next';
import { ComparePage } from '../../../../compare/compare-page.tsx';

export const metadata: Metadata = { title: 'Compare' };

export default function Page() {
  return <ComparePage />;
}
