import { expect, test } from 'vitest';

import { outcome, written } from './audit';

test('a change shows what was and what is, and leaves out what stayed', () => {
  const before = { role: 'TRADER', is_approved: false, is_enabled: true };
  const after = { role: 'TRADER', is_approved: true, is_enabled: true };
  expect(written(before, after)).toEqual(['is_approved false → true']);
});

test('what was not known before is shown as it was asked for', () => {
  expect(written(null, { buy: '1.5', reason: 'a test' })).toEqual(['buy 1.5', 'reason a test']);
  expect(written(null, null)).toEqual([]);
  expect(written(null, [1, 2])).toEqual(['[1,2]']);
});

test('a long value is cut', () => {
  expect(written(null, { layout: 'x'.repeat(500) })).toEqual([`layout ${'x'.repeat(160)}…`]);
});

test('an outcome is a word', () => {
  expect([200, 401, 403, 409, 422, 429, 503].map((status) => outcome(status).words)).toEqual([
    'done', 'not known', 'not allowed', 'refused', 'refused', 'too often', 'failed',
  ]);
});
