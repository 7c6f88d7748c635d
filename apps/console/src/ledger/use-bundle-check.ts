'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import { useClient } from '../api/loom.tsx';
import type { BundleNews, BundleTask } from './bundle.worker.ts';

export type BundleCheckState = BundleNews | { readonly type: 'idle' };

/** One check at a time, in a worker that ends with it, with the page, or when it is cancelled. */
export function useBundleCheck(): {
  readonly state: BundleCheckState;
  readonly start: (task: Pick<BundleTask, 'source' | 'vkeys' | 'prior'>) => void;
  readonly cancel: () => void;
} {
  const { projectId } = useClient();
  const [state, setState] = useState<BundleCheckState>({ type: 'idle' });
  const worker = useRef<Worker | null>(null);
  const end = useCallback(() => {
    worker.current?.terminate();
    worker.current = null;
  }, []);
  useEffect(() => end, [end]);
  const start = (task: Pick<BundleTask, 'source' | 'vkeys' | 'prior'>) => {
    end();
    const started = new Worker(new URL('./bundle.worker.ts', import.meta.url), { type: 'module' });
    worker.current = started;
    setState({ type: 'progress', bytes: 0 });
    started.onmessage = ({ data }: MessageEvent<BundleNews>) => {
      setState(data);
      if (data.type !== 'progress') end();
    };
    started.onerror = () => {
      setState({ type: 'failed', message: 'the verifier could not be started in this browser' });
      end();
    };
    started.postMessage({ ...task, projectId, apiUrl: `${window.location.origin}/api` } satisfies BundleTask);
  };
  const cancel = () => {
    end();
    setState({ type: 'idle' });
  };
  return { state, start, cancel };
}
