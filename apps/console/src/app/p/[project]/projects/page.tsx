import type { Metadata } from 'next';
import { Projects } from '../../../../manage/projects.tsx';

export const metadata: Metadata = { title: 'Projects' };

export default function Page() {
  return <Projects />;
}
