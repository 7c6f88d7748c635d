import type { Metadata } from 'next';
import { Audit } from '../../../../manage/audit.tsx';

export const metadata: Metadata = { title: 'Audit log' };

export default function Page() {
  return <Audit />;
}
