import type { Metadata } from 'next';
import { Invitation } from '../../../identity/invitation.tsx';

export const metadata: Metadata = { title: 'Invitation', referrer: 'no-referrer' };

export default async function InvitationPage({ params }: PageProps<'/invite/[token]'>) {
  return <Invitation token={decodeURIComponent((await params).token)} />;
}
