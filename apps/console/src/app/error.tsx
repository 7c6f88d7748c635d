'use client';

import { AlertTriangle } from 'lucide-react';
import { Button } from '../ui/button.tsx';
import { Empty } from '../ui/states.tsx';

/** A fault in showing a page: says so, and keeps the way on. */
export default function PageFault({ error, reset }: { readonly error: Error; readonly reset: () => void }) {
  return (
    <div role="alert">
      <Empty
        icon={AlertTriangle}
        title="This page could not be shown"
        action={
          <span className="mt-2 flex gap-2">
            <Button onClick={reset}>Try again</Button>
            <Button onClick={() => window.location.assign('/')}>To the overview</Button>
          </span>
        }
      >
        A fault in the console, not in the record: {error.message}
      </Empty>
    </div>
  );
}
