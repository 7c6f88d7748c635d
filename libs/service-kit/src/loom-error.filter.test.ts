import { describe, expect, it } from '@jest/globals';
import { LoomError } from '@loom/errors';
import { errorBody } from './loom-error.filter.ts';

const engine = new Error(
  "Code: 60. DB::Exception: Table loom.spans doesn't exist. /var/lib/loom/data (UNKNOWN_TABLE)",
);

describe('the body of an error', () => {
  it.each(['internal', 'unavailable', 'overloaded', 'upstream_timed_out'] as const)(
    'quotes no engine and no path: %s',
    (code) => {
      const text = JSON.stringify(
        errorBody(new LoomError(code, `trace store: ${engine.message}`, { cause: engine })),
      );
      expect(text).not.toMatch(/DB::|loom\.spans|\/var\/lib|Code: 60/);
      expect(text).toMatch(/"message":"[a-z ;,]{20,}/);
    },
  );

  it('quotes none of the causes behind its cause', () => {
    const wrapped = new Error('query failed', { cause: engine });
    const error = new LoomError('unavailable', `control store: ${engine.message}`, { cause: wrapped });
    expect(JSON.stringify(errorBody(error))).not.toContain('DB::');
  });

  it('says what Loom itself has to say', () => {
    const error = new LoomError('unavailable', 'no control snapshot was seen yet');
    expect(errorBody(error)).toEqual({
      error: { code: 'unavailable', message: 'no control snapshot was seen yet' },
    });
    const own = new LoomError('internal', 'a stored payload cannot be decompressed', { cause: engine });
    expect(errorBody(own)).toMatchObject({ error: { message: 'a stored payload cannot be decompressed' } });
    const named = new LoomError('conflict', 'there is already a provider named "x"', {
      param: 'name',
      cause: engine,
    });
    expect(errorBody(named)).toMatchObject({
      error: { message: 'there is already a provider named "x"', param: 'name' },
    });
  });
});
