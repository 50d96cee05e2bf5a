import { describe, expect, it } from 'vitest';

import * as world from './world';
import type { MarketDay, MarketState } from './world';

// Tokyo on Tuesday 24 November 2026, by its own clock 9 hours ahead of UTC.
const TOKYO: MarketState = {
  as_of: '2026-11-24T02:46:12Z', market: 'Japan', display: 'Tokyo', sort_order: 10,
  time_zone: 'Asia/Tokyo', state: 'LUNCH', day: '2026-11-24', local_time: '2026-11-24T11:46:12',
  open_at: '2026-11-24T00:00:00Z', close_at: '2026-11-24T06:30:00Z',
  lunch_start_at: '2026-11-24T02:30:00Z', lunch_end_at: '2026-11-24T03:30:00Z',
  next_event: 'REOPEN', next_event_at: '2026-11-24T03:30:00Z', seconds_to_next_event: 2628,
  confidence: 'library', next_confidence: 'library', note: null, weight: 0.25, is_control: true,
  is_captured: true, contribution: 0,
};

const day = (market: string, on: string, more: Partial<MarketDay> = {}): MarketDay => ({
  market, day: on, open_at: null, close_at: null, lunch_start_at: null, lunch_end_at: null,
  is_holiday: true, note: 'Christmas', confidence: 'library', ...more,
});

const ZONES = new Map([
  ['Japan', 'Asia/Tokyo'], ['China', 'Asia/Shanghai'], ['India', 'Asia/Kolkata'],
  ['Germany', 'Europe/Berlin'], ['United Kingdom', 'Europe/London'], ['USA', 'America/New_York'],
]);

describe('a clock', () => {
  it('shows the hours and the next event by the market’s own time', () => {
    expect(world.hours(TOKYO)).toBe('09:00–11:30, 12:30–15:30');
    expect(world.nextEvent(TOKYO)).toBe('Afternoon 12:30');
  });

  it('names the day of an event that is not today’s', () => {
    const closed = { ...TOKYO, next_event: 'OPEN', next_event_at: '2026-11-27T00:00:00Z' } as const;
    expect(world.nextEvent(closed)).toBe('Opens Fri 09:00');
    const far = { ...closed, next_event_at: '2026-12-04T00:00:00Z' };
    expect(world.nextEvent(far)).toBe('Opens Fri 4 Dec 09:00');
  });

  it('says why a day has no hours', () => {
    const none = { ...TOKYO, open_at: null, close_at: null };
    expect(world.hours({ ...none, state: 'HOLIDAY', note: 'Culture Day' })).toBe('Culture Day');
    expect(world.hours({ ...none, state: 'CLOSED' })).toBe('no trading today');
    expect(world.hours({ ...none, state: null })).toBe('its days are not known');
    expect(world.nextEvent({ ...none, next_event: null, next_event_at: null })).toBe('Nothing is known to come');
  });

  it('counts down in hours within a day, and in days beyond it', () => {
    expect(world.until(2_628_000)).toBe('43:48');
    expect(world.until(86_399_000)).toBe('23:59:59');
    expect(world.until(230_400_000)).toBe('2 d 16 h');
  });

  it('is unconfirmed where today or the next event is', () => {
    expect(world.isUnconfirmed(TOKYO)).toBe(false);
    expect(world.isUnconfirmed({ ...TOKYO, next_confidence: 'unconfirmed' })).toBe(true);
  });
});

it('the soonest event of all is the next one', () => {
  const later = { ...TOKYO, market: 'China', next_event_at: '2026-11-24T05:00:00Z' };
  const now = Date.parse('2026-11-24T02:46:12Z');
  expect(world.soonest([later, TOKYO], now)?.market).toBe('Japan');
  expect(world.soonest([TOKYO], Date.parse('2026-11-24T04:00:00Z'))).toBeNull();
});

describe('twenty-four hours', () => {
  const now = Date.parse('2026-11-24T02:46:12Z');
  const window = world.windowOf(now);

  it('begin six whole hours ago', () => {
    expect(new Date(window.from).toISOString()).toBe('2026-11-23T20:00:00.000Z');
    expect(world.share(window.from + 6 * 3_600_000, window)).toBe(25);
  });

  it('have a bar for each stretch of trading, cut at their ends', () => {
    const open = day('Japan', '2026-11-24', { ...TOKYO, is_holiday: false, confidence: 'library' });
    const found = world.bars([open, day('Japan', '2026-11-23')], window, now);
    // 00:00 is four hours after the beginning, 2.5 hours long; then 03:30 to 06:30.
    expect(found.map(({ left, width }) => [left, width].map((one) => Math.round(one * 24) / 100))).toEqual([
      [4, 2.5], [7.5, 3],
    ]);
    expect(found.map((bar) => bar.isNow)).toEqual([false, false]);
    const within = world.bars([open], window, Date.parse('2026-11-24T04:00:00Z'));
    expect(within.map((bar) => bar.isNow)).toEqual([false, true]);
    const late = world.bars([open], world.windowOf(Date.parse('2026-11-24T11:00:00Z')), now);
    expect(late.map((bar) => bar.left)).toEqual([0]);
  });

  it('name the phases that begin in them', () => {
    expect(world.phasesIn(window).map(({ title }) => title)).toEqual(['Overlap', 'Asian', 'European', 'American']);
  });
});

describe('holidays', () => {
  it('stand once a day, with who is closed and who trades other hours', () => {
    const half = { is_holiday: false, note: 'early close', open_at: '2026-12-24T08:00:00Z', close_at: '2026-12-24T12:30:00Z' };
    const found = world.holidays([
      day('Germany', '2026-12-24', { note: 'Christmas Eve' }), day('United Kingdom', '2026-12-24', half),
    ], ZONES);
    expect(found).toEqual([{
      day: '2026-12-24', isFrom: false, markets: 'Germany, United Kingdom',
      what: 'Christmas Eve · United Kingdom 08:00–12:30', isOverride: false, isUnconfirmed: false,
    }]);
  });

  it('count the markets where they are many', () => {
    const all = ['Japan', 'China', 'India', 'Germany', 'USA'].map((name) => day(name, '2026-12-25'));
    expect(world.holidays(all, ZONES)[0]).toMatchObject({ markets: '5 of 6', what: 'Christmas' });
  });

  it('say from when on nothing is published, and what a person entered', () => {
    const found = world.holidays([
      day('China', '2027-01-04', { is_holiday: false, note: null, confidence: 'unconfirmed' }),
      day('India', '2027-01-04', { note: 'election', confidence: 'override' }),
    ], ZONES);
    expect(found.map(({ isFrom, markets, what, isOverride, isUnconfirmed }) => [isFrom, markets, what, isOverride, isUnconfirmed])).toEqual([
      [false, 'India', 'election', true, false],
      [true, 'China', 'Not published yet', false, true],
    ]);
  });
});
