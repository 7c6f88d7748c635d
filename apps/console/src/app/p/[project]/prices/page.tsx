import type { Metadata } from 'next';
import { Prices } from '../../../../manage/prices.tsx';

export const metadata: Metadata = { title: 'Prices' };

export default function Page() {
  return <Prices />;
}
