import { describe, expect, it } from 'vitest';

import { mayRun, nextIn, runState, took } from './runs';

const NOW = Date.parse('2026-11-27T18:17:00Z');

describe('a run', () => {
  it('took the time from its start to its end', () => {
    const run = { started_at: '2026-11-27T18:00:00Z', ended_at: '2026-11-27T18:00:47Z', status: 'failed' } as const;
    expect(took(run, NOW)).toBe(47_000);
  });

  it('that goes on has taken the time until now', () => {
    const run = { started_at: '2026-11-27T18:15:00Z', ended_at: null, status: 'running' } as const;
    expect(took(run, NOW)).toBe(120_000);
  });

  it('that never started, or waits for its next try, took no time that is known', () => {
    expect(took({ started_at: null, ended_at: null, status: 'waiting' }, NOW)).toBeNull();
    expect(took({ started_at: '2026-11-27T18:15:00Z', ended_at: null, status: 'retrying' }, NOW)).toBeNull();
  });

  it('is bad where it failed in any way, and not where its policy skipped it', () => {
    expect(['failed', 'timed_out', 'abandoned'].map((one) => runState(one as 'failed').kind)).toEqual(['bad', 'bad', 'bad']);
    expect(runState('skipped').kind).toBe('none');
    expect(runState(null).words).toBe('never ran');
  });
});

describe('a job', () => {
  it('runs next in so long, now, or not while it is paused', () => {
    expect(nextIn({ is_enabled: true, next_at: '2026-11-27T20:22:00Z' }, NOW)).toBe('in 2 h 05 m');
    expect(nextIn({ is_enabled: true, next_at: '2026-11-27T18:16:59Z' }, NOW)).toBe('now');
    expect(nextIn({ is_enabled: false, next_at: null }, NOW)).toBe('paused');
    expect(nextIn({ is_enabled: true, next_at: null }, NOW)).toBe('not known');
  });

  it('is not asked to run twice, and not while it runs', () => {
    expect(['waiting', 'running', 'failed', null].map((one) => mayRun({ last_status: one as 'failed' }))).toEqual([
      false, false, true, true,
    ]);
  });
});
