import type { Metadata } from 'next';
import { Keys } from '../../../../manage/keys.tsx';

export const metadata: Metadata = { title: 'API keys' };

export default function Page() {
  return <Keys />;
}
