import { readFile } from 'node:fs/promises';

/** Linux counts processor time for /proc in ticks of this many milliseconds (USER_HZ = 100). */
const tickMs = 10;

/** Processor time that a process and its children have used so far, user and system, all threads. Milliseconds. */
export async function processCpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in brackets, which may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = (Number(fields[11]) + Number(fields[12])) * tickMs;
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).trim();
  const parts = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map((child) => processCpuMs(Number(child))),
  );
  return parts.reduce((sum, part) => sum + part, own);
}
