import type { Metadata } from 'next';
import { FirstCall } from '../../../../start/first-call.tsx';

export const metadata: Metadata = { title: 'First call' };

export default function StartPage() {
  return <FirstCall />;
}
