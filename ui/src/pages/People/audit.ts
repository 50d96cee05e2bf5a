/** How a row of the audit is written. */

/** What became of a call, by its HTTP status. */
export function outcome(status: number): { words: string; kind: 'good' | 'bad' } {
  if (status < 400) return { words: 'done', kind: 'good' };
  if (status === 401) return { words: 'not known', kind: 'bad' };
  if (status === 403) return { words: 'not allowed', kind: 'bad' };
  if (status === 421) return { words: 'wrong host', kind: 'bad' };
  if (status === 429) return { words: 'too often', kind: 'bad' };
  if (status < 500) return { words: 'refused', kind: 'bad' };
  return { words: 'failed', kind: 'bad' };
}

const LONGEST = 160;

/** Lines of what changed: `role TRADER → ADMIN`; what stayed is left out. */
export function written(before: unknown, after: unknown): string[] {
  const is = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!is(after)) return after === null || after === undefined ? [] : [text(after)];
  const old = is(before) ? before : {};
  return Object.entries(after)
    .filter(([name, value]) => !(name in old) || text(old[name]) !== text(value))
    .map(([name, value]) => (name in old ? `${name} ${text(old[name])} → ${text(value)}` : `${name} ${text(value)}`));
}

function text(value: unknown): string {
  const found = typeof value === 'string' ? value : JSON.stringify(value);
  return found.length > LONGEST ? `${found.slice(0, LONGEST)}…` : found;
}
