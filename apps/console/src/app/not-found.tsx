import { Logo } from '../shell/logo.tsx';
import { Link } from '../ui/link.tsx';

export default function NotFound() {
  return (
    <main className="grid min-h-dvh place-content-center justify-items-center gap-3 text-center">
      <Logo className="size-9" />
      <h1 className="text-lg font-semibold">There is no such page</h1>
      <Link href="/" className="text-accent underline underline-offset-4">
        To the overview
      </Link>
    </main>
  );
}
