/** What the page makes of the API's rows: texts, shares of a day, holidays by day. Pure. */

import * as format from '@/services/format';
import type { components } from '@/types/api';

export type MarketState = components['schemas']['MarketState'];
export type MarketDay = components['schemas']['MarketDayRow'];
export type SessionState = components['schemas']['SessionState'];
type StateName = NonNullable<MarketState['state']>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The window of twenty-four hours begins so long ago. */
const BACK_HOURS = 6;

export const STATES: Record<StateName | 'BREAK', { glyph: string; title: string }> = {
  OPEN: { glyph: '●', title: 'Open' },
  PREOPEN: { glyph: '◔', title: 'Preopen' },
  PRECLOSE: { glyph: '◕', title: 'Preclose' },
  LUNCH: { glyph: '◐', title: 'Lunch' },
  BREAK: { glyph: '◐', title: 'Break' },
  CLOSED: { glyph: '○', title: 'Closed' },
  HOLIDAY: { glyph: '□', title: 'Holiday' },
};

const EVENTS: Record<NonNullable<MarketState['next_event']>, string> = {
  OPEN: 'Opens',
  LUNCH: 'Lunch',
  REOPEN: 'Afternoon',
  CLOSE: 'Closes',
};

export const PHASES = {
  ASIAN: { title: 'Asian', ends: 8 },
  EUROPEAN: { title: 'European', ends: 14 },
  AMERICAN: { title: 'American', ends: 21 },
  OVERLAP: { title: 'Overlap', ends: 24 },
} as const;

/** Hours and minutes of an instant by a wall clock: 09:30. */
export function hourMinute(value: string | number | null, zone: string): string {
  return value === null ? format.MISSING : format.time(value, zone).slice(0, 5);
}

/** The day's hours by the market's clock, or why it has none. */
export function hours(row: MarketState): string {
  const at = (value: string | null) => hourMinute(value, row.time_zone);
  if (row.open_at === null || row.close_at === null) {
    if (row.state === null) return 'its days are not known';
    return row.note ?? 'no trading today';
  }
  if (row.lunch_start_at === null) return `${at(row.open_at)}–${at(row.close_at)}`;
  return `${at(row.open_at)}–${at(row.lunch_start_at)}, ${at(row.lunch_end_at)}–${at(row.close_at)}`;
}

/** The next event by the market's clock: Opens 09:00, Opens Mon 09:00, Opens Mon 30 Nov 09:00. */
export function nextEvent(row: MarketState): string {
  if (row.next_event === null || row.next_event_at === null) return 'Nothing is known to come';
  const at = hourMinute(row.next_event_at, row.time_zone);
  const day = localDay(row.next_event_at, row.time_zone);
  if (day === row.day) return `${EVENTS[row.next_event]} ${at}`;
  const isWithinWeek = Date.parse(day) - Date.parse(row.day) < 7 * DAY_MS;
  const date = format.date(day);
  return `${EVENTS[row.next_event]} ${isWithinWeek ? date.slice(0, 3) : date} ${at}`;
}

/** How long until: 43:48, 5:13:48, from a day on 2 d 16 h. */
export function until(ms: number): string {
  if (ms < DAY_MS) return format.countdown(ms);
  const hoursLeft = Math.floor(ms / HOUR_MS);
  return `${Math.floor(hoursLeft / 24)} d ${hoursLeft % 24} h`;
}

/** The event that comes first of all. */
export function soonest(rows: readonly MarketState[], now: number): MarketState | null {
  const coming = rows.filter((row) => row.next_event_at !== null && Date.parse(row.next_event_at) > now);
  coming.sort((a, b) => Date.parse(a.next_event_at!) - Date.parse(b.next_event_at!));
  return coming[0] ?? null;
}

/** Whether today's hours or the next event's are not published yet. */
export function isUnconfirmed(row: MarketState): boolean {
  return row.confidence === 'unconfirmed' || row.next_confidence === 'unconfirmed';
}

/** The date of an instant by a wall clock, YYYY-MM-DD. */
export function localDay(value: string | number, zone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(new Date(value));
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Twenty-four hours around a moment, on whole hours. */
export function windowOf(now: number): Window {
  const from = Math.floor(now / HOUR_MS) * HOUR_MS - BACK_HOURS * HOUR_MS;
  return { from, to: from + DAY_MS };
}

/** Where an instant lies in a window, in percent. */
export function share(ms: number, { from, to }: Window): number {
  return ((ms - from) / (to - from)) * 100;
}

export interface Bar {
  readonly left: number;
  readonly width: number;
  /** Whether it trades now. */
  readonly isNow: boolean;
  readonly isUnconfirmed: boolean;
}

/** The stretches of trading of a market's days within a window. */
export function bars(days: readonly MarketDay[], window: Window, now: number): Bar[] {
  const found: Bar[] = [];
  for (const day of days) {
    if (day.open_at === null || day.close_at === null) continue;
    const ends = [day.open_at, day.lunch_start_at, day.lunch_end_at, day.close_at]
      .filter((value) => value !== null)
      .map((value) => Date.parse(value));
    for (let at = 0; at + 1 < ends.length; at += 2) {
      const from = Math.max(ends[at]!, window.from);
      const to = Math.min(ends[at + 1]!, window.to);
      if (from >= to) continue;
      const left = share(from, window);
      found.push({
        left,
        width: share(to, window) - left,
        isNow: ends[at]! <= now && now < ends[at + 1]!,
        isUnconfirmed: day.confidence === 'unconfirmed',
      });
    }
  }
  return found;
}

/** Where phases begin in a window: at 0, 8, 14 and 21 hours UTC. */
export function phasesIn(window: Window): { title: string; left: number }[] {
  const begins: [number, string][] = [[0, 'Asian'], [8, 'European'], [14, 'American'], [21, 'Overlap']];
  const midnight = Math.floor(window.from / DAY_MS) * DAY_MS;
  return [midnight, midnight + DAY_MS]
    .flatMap((day) => begins.map(([hour, title]) => ({ title, at: day + hour * HOUR_MS })))
    .filter(({ at }) => at >= window.from && at < window.to)
    .map(({ at, title }) => ({ title, left: share(at, window) }));
}

export interface Holidays {
  readonly day: string;
  /** From this day on the exchange has published nothing. */
  readonly isFrom: boolean;
  readonly markets: string;
  readonly what: string;
  readonly isOverride: boolean;
  readonly isUnconfirmed: boolean;
}

/** The note of a closed day whose name is not known. */
const NAMELESS = 'holiday';
/** Above so many markets their number stands for their names. */
const NAMED_MAX = 4;

/** The days of the list, each once: who is closed, who trades other hours, what is not published. */
export function holidays(
  rows: readonly MarketDay[],
  zones: ReadonlyMap<string, string>,
): Holidays[] {
  const found: Holidays[] = [];
  const days = [...new Set(rows.map((row) => row.day))].sort();
  for (const day of days) {
    const ofDay = rows.filter((row) => row.day === day);
    const special = ofDay.filter((row) => row.is_holiday || row.note !== null);
    const open = ofDay.filter((row) => !row.is_holiday && row.note === null);
    if (special.length > 0) {
      found.push({
        day,
        isFrom: false,
        markets: named(special, zones.size),
        what: what(special, zones),
        isOverride: special.some((row) => row.confidence === 'override'),
        isUnconfirmed: special.some((row) => row.confidence === 'unconfirmed'),
      });
    }
    if (open.length > 0) {
      found.push({
        day,
        isFrom: true,
        markets: named(open, zones.size),
        what: 'Not published yet',
        isOverride: false,
        isUnconfirmed: true,
      });
    }
  }
  return found;
}

function named(rows: readonly MarketDay[], of: number): string {
  if (rows.length > NAMED_MAX) return `${rows.length} of ${of}`;
  return rows.map((row) => row.market).join(', ');
}

function what(rows: readonly MarketDay[], zones: ReadonlyMap<string, string>): string {
  const notes = [...new Set(rows.filter((row) => row.is_holiday).map((row) => row.note ?? NAMELESS))];
  const closed = notes.length > 1 ? notes.filter((note) => note !== NAMELESS) : notes;
  const short = rows
    .filter((row) => !row.is_holiday)
    .map((row) => {
      const zone = zones.get(row.market) ?? 'UTC';
      return `${row.market} ${hourMinute(row.open_at, zone)}–${hourMinute(row.close_at, zone)}`;
    });
  return [...closed, ...short].join(' · ');
}
