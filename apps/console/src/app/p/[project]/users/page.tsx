import type { Metadata } from 'next';
import { Users } from '../../../../activity/users.tsx';

export const metadata: Metadata = { title: 'Users' };

export default function Page() {
  return <Users />;
}
