import type { Metadata } from 'next';
import { Members } from '../../../../manage/members.tsx';

export const metadata: Metadata = { title: 'Members' };

export default function Page() {
  return <Members />;
}
