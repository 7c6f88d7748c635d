import type { Metadata } from 'next';
import { Models } from '../../../../manage/models.tsx';

export const metadata: Metadata = { title: 'Models' };

export default function Page() {
  return <Models />;
}
