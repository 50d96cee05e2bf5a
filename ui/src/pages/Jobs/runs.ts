/** What runs of jobs are called, how long they took, and when the next is. */

import * as format from '@/services/format';
import type { components } from '@/types/api';

export type Job = components['schemas']['JobRow'];
export type Run = components['schemas']['JobRunRow'];

/** A run's state for the eye: its glyph, its words, and whether it is well. */
export interface RunState {
  readonly glyph: string;
  readonly words: string;
  readonly kind: 'good' | 'busy' | 'bad' | 'none';
}

const STATES: Record<Run['status'], RunState> = {
  waiting: { glyph: '◐', words: 'asked for', kind: 'busy' },
  running: { glyph: '◐', words: 'running', kind: 'busy' },
  retrying: { glyph: '◐', words: 'failed, tried again', kind: 'busy' },
  succeeded: { glyph: '●', words: 'succeeded', kind: 'good' },
  failed: { glyph: '✕', words: 'failed', kind: 'bad' },
  timed_out: { glyph: '✕', words: 'took too long', kind: 'bad' },
  abandoned: { glyph: '✕', words: 'abandoned', kind: 'bad' },
  skipped: { glyph: '○', words: 'skipped', kind: 'none' },
};

export function runState(status: Run['status'] | null | undefined): RunState {
  return status ? STATES[status] : { glyph: '○', words: 'never ran', kind: 'none' };
}

/** How long a run took, or has taken so far; null where it never started. */
export function took(run: Pick<Run, 'started_at' | 'ended_at' | 'status'>, now: number): number | null {
  if (!run.started_at) return null;
  const end = run.ended_at ? Date.parse(run.ended_at) : run.status === 'running' ? now : null;
  return end === null ? null : Math.max(0, end - Date.parse(run.started_at));
}

/** When a job runs next, in words: paused, in 2 h 05 m, now. */
export function nextIn(job: Pick<Job, 'is_enabled' | 'next_at'>, now: number): string {
  if (!job.is_enabled) return 'paused';
  if (!job.next_at) return 'not known';
  const ms = Date.parse(job.next_at) - now;
  return ms <= 0 ? 'now' : `in ${format.age(ms)}`;
}

/** Whether a run may be asked for: not twice, and not while it goes on. */
export function mayRun(job: Pick<Job, 'last_status'>): boolean {
  return job.last_status !== 'running' && job.last_status !== 'waiting';
}
