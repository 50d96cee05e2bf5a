/**
 * The quotes of all symbols, outside of React's tree. Events change rows at once; listeners hear
 * of it once a frame, and only of fields whose text changed, so a tick re-renders its cells and
 * nothing else.
 *
 * Figures of the last price are computed here between two answers of the board, by the rules
 * of `market.quote_metrics`; the board's own answer replaces it.
 */

import type { BoardField, BoardRow, Heard, Instrument, Quote, QuoteRow, QuoteState } from '@/types/domain';

import { ticker } from './clock';
import { compared, decimal, minus, ratio, trimmed, written } from './decimal';
import { Cell } from './emitter';
import type { Notation } from './format';

/** Ages in ms at which a quote turns STALE and DEAD, until the stream gives Thor's own. */
export const limits = { staleMs: 5_000, deadMs: 30_000 };

/** A row of which nothing is known yet. */
const EMPTY: Omit<QuoteRow, 'symbol'> = {
  trade_date: null,
  contract: null,
  source: null,
  last: null,
  bid: null,
  ask: null,
  last_size: null,
  bid_size: null,
  ask_size: null,
  volume: null,
  ts: null,
  received_at: null,
  heard_at: null,
  age_ms: null,
  heard_age_ms: null,
  state: null,
  basis: null,
  basis_kind: null,
  basis_source: null,
  basis_date: null,
  net_change: null,
  net_change_percent: null,
  open: null,
  high: null,
  low: null,
  prev_close: null,
  open_prev_diff: null,
  open_prev_percent: null,
  high_prev_diff: null,
  high_prev_percent: null,
  low_prev_diff: null,
  low_prev_percent: null,
  range_diff: null,
  range_percent: null,
  spread: null,
  spread_ticks: null,
  vwap: null,
  high_52w: null,
  high_52w_on: null,
  low_52w: null,
  low_52w_on: null,
  above_low_52w_diff: null,
  above_low_52w_percent: null,
  below_high_52w_diff: null,
  below_high_52w_percent: null,
  closes: null,
};
const FIELDS = Object.keys(EMPTY) as BoardField[];
/** The values of a quote event. */
const LIVE = [
  'contract',
  'source',
  'last',
  'bid',
  'ask',
  'last_size',
  'bid_size',
  'ask_size',
  'volume',
  'ts',
  'received_at',
] as const;

/** The state of a quote last heard so long ago. */
export function stateOf(heardAgeMs: number): QuoteState {
  if (heardAgeMs > limits.deadMs) return 'DEAD';
  return heardAgeMs < limits.staleMs ? 'FRESH' : 'STALE';
}

/** How an instrument's prices are written. */
export function notationOf(
  instrument: Pick<Instrument, 'tick_size' | 'display_precision'> | undefined,
): Notation {
  if (!instrument) return { kind: 'decimal', places: 2 };
  const tick = Number(instrument.tick_size);
  if (tick === 1 / 32 || tick === 1 / 64) return { kind: '32nds' };
  return { kind: 'decimal', places: instrument.display_precision };
}

function difference(a: string | null, b: string | null): string | null {
  const [x, y] = [decimal(a), decimal(b)];
  return x && y ? written(minus(x, y)) : null;
}

/** Part of whole in per cent, with the eight decimals that the database keeps. */
function percentOf(part: string | null, whole: string | null): string | null {
  const [x, y] = [decimal(part), decimal(whole)];
  const found = x && y ? ratio(x, y, 8, 100n) : null;
  return found ? written(found) : null;
}

/** The one of two prices further to a side; the first where the other is missing. */
function further(a: string | null, b: string | null, side: 1 | -1): string | null {
  const [x, y] = [decimal(a), decimal(b)];
  if (!x || !y) return a;
  return compared(y, x) * side > 0 ? b : a;
}

/** Recompute the figures of the last price, bid and ask of a row. */
export function derive(row: QuoteRow, tickSize: string | undefined): void {
  row.high = further(row.high, row.last, 1);
  row.low = further(row.low, row.last, -1);
  row.high_52w = further(row.high_52w, row.high, 1);
  row.low_52w = further(row.low_52w, row.low, -1);
  row.net_change = difference(row.last, row.basis);
  row.net_change_percent = percentOf(row.net_change, row.basis);
  row.high_prev_diff = difference(row.high, row.basis);
  row.high_prev_percent = percentOf(row.high_prev_diff, row.basis);
  row.low_prev_diff = difference(row.low, row.basis);
  row.low_prev_percent = percentOf(row.low_prev_diff, row.basis);
  row.range_diff = difference(row.high, row.low);
  row.range_percent = percentOf(row.range_diff, row.basis);
  row.above_low_52w_diff = difference(row.last, row.low_52w);
  row.above_low_52w_percent = percentOf(row.above_low_52w_diff, row.low_52w);
  row.below_high_52w_diff = difference(row.high_52w, row.last);
  row.below_high_52w_percent = percentOf(row.below_high_52w_diff, row.high_52w);
  row.spread = difference(row.ask, row.bid);
  const [spread, tick] = [decimal(row.spread), decimal(tickSize)];
  const ticks = spread && tick ? ratio(spread, tick, 8) : null;
  row.spread_ticks = ticks ? written(trimmed(ticks)) : null;
}

/** How long a flush stands before the next: no eye follows more, and the machine has other work. */
const FLUSH_MS = 32;

/** Return a schedule that flushes with a frame, and lets `FLUSH_MS` pass between two. */
function atFrames(): (flush: () => void) => void {
  let last = 0;
  return (flush) => {
    const frame = (now: number) => {
      // A frame that is a little early counts, else every third would be waited for.
      if (now - last < FLUSH_MS - 4) {
        requestAnimationFrame(frame);
        return;
      }
      last = now;
      flush();
    };
    requestAnimationFrame(frame);
  };
}

/** An instrument by one of its symbols. */
export type Listed = Instrument & { readonly root: string };

export class QuoteStore {
  private readonly rows = new Map<string, QuoteRow>();
  /** The values last given to listeners: what a render reads, the same all through a frame. */
  private shown = new Map<string, QuoteRow>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly flushed = new Set<() => void>();
  private readonly touched = new Set<string>();
  private readonly listed = new Map<string, Listed>();
  private isScheduled = false;
  private roots: readonly string[] = [];
  private isRelisted = false;

  /**
   * The symbols that pages show, in the desk's order: each root, and each month that has a quote.
   * A root without a quote gives its row to its months, as when a file names months.
   */
  readonly symbols = new Cell<readonly string[]>([]);

  constructor(private readonly schedule: (flush: () => void) => void = atFrames()) {}

  /** Take the instruments; rows of new ones begin empty. */
  list(instruments: readonly Instrument[]): void {
    for (const one of instruments) {
      for (const symbol of [one.symbol, ...one.symbols]) {
        this.listed.set(symbol, { ...one, symbol, root: one.symbol });
      }
      this.row(one.symbol);
      this.touch(one.symbol);
    }
    this.roots = instruments.map(({ symbol }) => symbol);
    this.isRelisted = true;
  }

  /** Return the instrument of a symbol, a root or a month; undefined where it is not listed. */
  instrument(symbol: string): Listed | undefined {
    return this.listed.get(symbol);
  }

  /** Take the board's rows; a quote that is newer than theirs stays. */
  load(rows: readonly BoardRow[]): void {
    for (const one of rows) {
      const row = this.row(one.symbol);
      const kept = isNewer(row, one) ? Object.fromEntries(LIVE.map((name) => [name, row[name]])) : {};
      const heard_at = later(row.heard_at, one.heard_at);
      const closes = same(row.closes, one.closes) ? row.closes : one.closes;
      for (const name of FIELDS) Object.assign(row, { [name]: one[name] });
      Object.assign(row, kept, { heard_at, closes });
      this.touch(one.symbol);
    }
  }

  /** Take a quote event. */
  quote(event: Quote): void {
    const row = this.row(event.symbol);
    for (const name of LIVE) Object.assign(row, { [name]: event[name] });
    row.heard_at = later(row.heard_at, event.heard_at);
    if (event.basis !== null) {
      row.basis = row.prev_close = event.basis;
      row.basis_kind = event.basis_kind;
      row.basis_source = event.basis_source;
    }
    this.touch(event.symbol);
  }

  /** Take that a source has looked at symbols: their quotes are as fresh as that. */
  heard(event: Heard): void {
    for (const symbol of event.symbols) {
      const row = this.rows.get(symbol);
      if (!row || row.source !== event.source) continue;
      row.heard_at = later(row.heard_at, event.ts);
      this.touch(symbol);
    }
  }

  /** Return a row as it is shown now. */
  read(symbol: string): QuoteRow | undefined {
    return this.shown.get(symbol);
  }

  /** Hear of a field of a symbol; returns what ends it. */
  subscribe(symbol: string, field: BoardField, listener: () => void): () => void {
    const key = `${symbol}.${field}`;
    let found = this.listeners.get(key);
    if (!found) this.listeners.set(key, (found = new Set()));
    found.add(listener);
    return () => found.delete(listener);
  }

  /** Hear of every frame in which any row changed. */
  onFlush(listener: () => void): () => void {
    this.flushed.add(listener);
    return () => this.flushed.delete(listener);
  }

  /** Let time pass: quotes whose source has not looked turn STALE, then DEAD. */
  age(now: number): void {
    for (const [symbol, row] of this.rows) {
      if (row.heard_at !== null && stateOf(now - Date.parse(row.heard_at)) !== row.state) {
        this.touch(symbol);
      }
    }
  }

  flush(): void {
    this.isScheduled = false;
    const heard = new Set<() => void>();
    const now = ticker.get();
    for (const symbol of this.touched) {
      const row = this.rows.get(symbol)!;
      derive(row, this.listed.get(symbol)?.tick_size);
      if (row.heard_at !== null) row.state = stateOf(now - Date.parse(row.heard_at));
      const before = this.shown.get(symbol);
      this.shown.set(symbol, { ...row });
      if (!before || (before.source === null) !== (row.source === null)) this.isRelisted = true;
      for (const field of FIELDS) {
        if (before?.[field] === row[field]) continue;
        for (const listener of this.listeners.get(`${symbol}.${field}`) ?? []) heard.add(listener);
      }
    }
    this.touched.clear();
    if (this.isRelisted) this.relist();
    for (const listener of heard) listener();
    for (const listener of this.flushed) listener();
  }

  private relist(): void {
    this.isRelisted = false;
    const months = new Map<string, string[]>();
    for (const [symbol, row] of this.shown) {
      const root = this.listed.get(symbol)?.root;
      if (root === undefined || root === symbol || row.source === null) continue;
      months.set(root, [...(months.get(root) ?? []), symbol]);
    }
    const found = this.roots.flatMap((root) => {
      const ofRoot = (months.get(root) ?? []).sort();
      const isQuoted = this.shown.get(root)?.source != null;
      return isQuoted || ofRoot.length === 0 ? [root, ...ofRoot] : ofRoot;
    });
    if (found.join() !== this.symbols.get().join()) this.symbols.set(found);
  }

  private row(symbol: string): QuoteRow {
    let row = this.rows.get(symbol);
    if (!row) {
      row = { symbol, ...EMPTY };
      this.rows.set(symbol, row);
    }
    return row;
  }

  private touch(symbol: string): void {
    this.touched.add(symbol);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.schedule(() => this.flush());
  }
}

function same(a: readonly string[] | null, b: readonly string[]): boolean {
  return a !== null && a.length === b.length && a.every((one, index) => one === b[index]);
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return Date.parse(a) >= Date.parse(b) ? a : b;
}

function isNewer(row: QuoteRow, than: BoardRow): boolean {
  if (row.received_at === null) return false;
  return than.received_at === null || Date.parse(row.received_at) > Date.parse(than.received_at);
}

export const quotes = new QuoteStore();

/** When the newest quote of any symbol was received by its source; null before the first. */
export const lastQuoteAt = new Cell<number | null>(null);

/** The trade date of the newest tick of any symbol, YYYY-MM-DD; null before the first. */
export const lastTradeDay = new Cell<string | null>(null);
