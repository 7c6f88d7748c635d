'use client';

import { useRouter } from 'next/navigation';
import { useEffect } from 'react';
import { useLoom } from '../api/loom.tsx';
import { Empty, Failure } from '../ui/states.tsx';

/** To the first project of whoever is signed in, else to the sign-in. */
export default function Home() {
  const { data, error, refetch } = useLoom('getMe');
  const router = useRouter();
  const projects = data?.organizations.flatMap(({ projects }) => projects);
  const [first] = projects ?? [];
  useEffect(() => {
    if (error?.code === 'unauthenticated') router.replace('/sign-in');
    else if (first) router.replace(`/p/${encodeURIComponent(first.id)}`);
  }, [error, first, router]);
  if (error && error.code !== 'unauthenticated')
    return <Failure error={error} retry={() => void refetch()} />;
  if (projects && !first)
    return <Empty title="You are in no organization">Ask an owner for an invitation link.</Empty>;
  return null;
}
