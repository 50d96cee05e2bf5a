import { describe, expect, it } from 'vitest';

import { distances, exitPrice, leavesHalf, progress, type Exits, type Row } from './progress';

const long = {
  bhs: 'STRONG_BUY',
  wndw: 'PENDING',
  is_by_last: false,
  entry_price: '6872.50',
  target_high: '6874.50',
  target_low: '6870.50',
  tick_size: '0.25',
} as Row;
const short = { ...long, bhs: 'SELL' } as Row;
const quote: Exits = { bid: '6873.75', ask: '6874.00', last: '6874.00', state: 'FRESH' };

describe('an entry on its way', () => {
  it('leaves long at the bid, short at the ask, the cash index at last, and a dead quote never', () => {
    expect(exitPrice(long, quote)).toBe(6873.75);
    expect(exitPrice(short, quote)).toBe(6874);
    expect(exitPrice({ ...long, is_by_last: true }, quote)).toBe(6874);
    expect(exitPrice(long, { ...quote, state: 'DEAD' })).toBeNull();
    expect(exitPrice(long, { ...quote, bid: null })).toBeNull();
  });

  it('has the target right and the stop left, for long and short alike', () => {
    expect(progress(long, 6873.5)).toBe(0.5);
    expect(progress(long, 6871.5)).toBe(-0.5);
    expect(progress(short, 6873.5)).toBe(-0.5);
    expect(progress(short, 6871.5)).toBe(0.5);
    expect(progress(long, 7000)).toBe(1);
    // A band that is wider above: 1 of 4 points on the way to the target.
    expect(progress({ ...long, target_high: '6876.50' }, 6873.5)).toBe(0.25);
    expect(progress({ ...short, target_high: '6876.50' }, 6873.5)).toBe(-0.25);
  });

  it('stands at its end once it is decided, and nowhere without an entry', () => {
    expect(progress({ ...long, wndw: 'WORKED' }, null)).toBe(1);
    expect(progress({ ...short, wndw: 'DIDNT_WORK' }, 6871)).toBe(-1);
    expect(progress({ ...long, entry_price: null, wndw: 'NEUTRAL' }, 6871)).toBeNull();
  });

  it('counts ticks to both ends, a part of one as a whole', () => {
    expect(distances(long, 6873.75)).toEqual({ target: 3, stop: 13 });
    expect(distances(short, 6874)).toEqual({ target: 14, stop: 2 });
    expect(distances(long, 6874.6)).toEqual({ target: 0, stop: 17 });
    expect(distances({ ...long, wndw: 'WORKED' }, 6873.75)).toBeNull();
  });
});

describe('an interval', () => {
  it('speaks only where it leaves one half', () => {
    expect(leavesHalf('0.517', '0.698')).toBe(1);
    expect(leavesHalf('0.2', '0.499')).toBe(-1);
    expect(leavesHalf('0.397', '0.892')).toBe(0);
    expect(leavesHalf(null, null)).toBe(0);
  });
});
