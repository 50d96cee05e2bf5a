/**
 * The one EventSource of this tab. Components name the events that they want; when that changes, or
 * after silence, the stream is reopened behind the last event that was seen, so nothing is
 * missed. The browser itself sends Last-Event-ID where it reconnects; `from` says the same where
 * this module does.
 */

import type { Fault, Gap, Hello, Ping } from '@/types/domain';

import { serverClock } from './clock';
import { changeConnection, connection } from './connection';
import { limits } from './quotes';

export type StreamHandler = (data: unknown, id: string) => void;

const CHECK_MS = 250;
/** Silence after which the connection counts as lost; longer where the server beats slower. */
const SILENCE_MS = 2_500;
/** How long an attempt may stay without an event before the next one. */
const ATTEMPT_MS = 5_000;
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 5_000];
/** A hidden tab lets go of its connection after this: a browser has six for all tabs. */
const HIDDEN_MS = 60_000;
const PATH = '/api/quotes/stream';
/** The events of the desk, the world's clock, models and trading, which are sent only where asked for. */
const DESK = ['signal', 'total', 'extreme', 'session', 'market', 'grade', 'prediction', 'order', 'fill', 'position', 'account', 'kill'] as const;

export class Stream {
  private source: EventSource | null = null;
  private readonly handlers = new Map<string, Set<StreamHandler>>();
  private readonly widths = new Map<string, number>();
  private lastId: string | null = null;
  private opened = '';
  private openedAt = 0;
  private heardAt = 0;
  private checkedAt = 0;
  private silenceMs = SILENCE_MS;
  private retryAt: number | null = null;
  private refusals = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private hiddenAt: number | null = null;
  private isHeld = false;
  /** Called where the server refuses the stream, which may be because the session has ended. */
  onRefused: () => void = () => undefined;

  constructor(
    private readonly make: (url: string) => EventSource = (url) => new EventSource(url),
    private readonly monotonic: () => number = () => performance.now(),
  ) {}

  /** Open the stream and watch over it. */
  start(): void {
    if (this.timer !== undefined) return;
    this.checkedAt = this.monotonic();
    this.timer = setInterval(() => this.check(), CHECK_MS);
    document.addEventListener('visibilitychange', this.onVisibility);
    // Components that mount in the same turn name their events before the first request.
    queueMicrotask(() => this.open());
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    document.removeEventListener('visibilitychange', this.onVisibility);
    this.close();
  }

  /** Let go of the connection, until `release`: nobody is logged in who could read it. */
  hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    this.close();
    this.retryAt = null;
    changeConnection({ state: 'paused', since: serverClock.real(), nextTryAt: null });
  }

  /** Connect again, behind the last event that was seen; starts it where it was not. */
  release(): void {
    const isNew = this.timer === undefined;
    if (this.isHeld) {
      this.isHeld = false;
      this.checkedAt = this.monotonic();
      changeConnection({ state: 'connecting' });
      if (!isNew) this.open();
    }
    this.start();
  }

  /** Hand each event of a kind to a handler; returns what ends it. */
  on(kind: string, handler: StreamHandler): () => void {
    const found = this.handlers.get(kind);
    if (found) found.add(handler);
    else {
      this.handlers.set(kind, new Set([handler]));
      if (this.source) this.listen(this.source, kind);
      this.wanted();
    }
    return () => {
      const handlers = this.handlers.get(kind);
      handlers?.delete(handler);
      if (handlers?.size === 0) {
        this.handlers.delete(kind);
        this.wanted();
      }
    };
  }

  /** Ask for closed bars of a width, for as long as anybody does; returns what ends it. */
  wantBars(width: string): () => void {
    this.widths.set(width, (this.widths.get(width) ?? 0) + 1);
    this.wanted();
    return () => {
      const left = (this.widths.get(width) ?? 1) - 1;
      if (left > 0) this.widths.set(width, left);
      else this.widths.delete(width);
      this.wanted();
    };
  }

  /** Try to connect at once. */
  retry = (): void => {
    this.open();
  };

  private url(): string {
    const parameters = new URLSearchParams();
    const bars = [...this.widths.keys()].sort();
    const kinds = ['quote', ...(bars.length ? ['bar'] : []), ...DESK.filter((kind) => this.handlers.has(kind))];
    parameters.set('events', kinds.join(','));
    if (bars.length) parameters.set('bars', bars.join(','));
    return `${PATH}?${parameters}`;
  }

  private wanted(): void {
    if (this.timer === undefined || !this.source) return;
    // Pages that change places ask and unask in one turn: look once it is over.
    queueMicrotask(() => {
      if (this.source && this.url() !== this.opened) this.open();
    });
  }

  private open(): void {
    this.close();
    if (this.isHeld) return;
    if (this.hiddenAt !== null && connection.get().state === 'paused') return;
    this.opened = this.url();
    const url =
      this.lastId === null ? this.opened : `${this.opened}&from=${encodeURIComponent(this.lastId)}`;
    this.retryAt = null;
    this.openedAt = this.monotonic();
    const source = this.make(url);
    this.source = source;
    for (const kind of new Set(['hello', 'ping', 'gap', 'error', ...this.handlers.keys()])) {
      this.listen(source, kind);
    }
  }

  private close(): void {
    this.source?.close();
    this.source = null;
  }

  private listen(source: EventSource, kind: string): void {
    source.addEventListener(kind, (event) => {
      if (source !== this.source) return;
      // The stream has an event of its own by the name of the browser's error.
      if (!('data' in event)) {
        this.broken(source);
        return;
      }
      this.heard();
      const { data, lastEventId } = event as MessageEvent<string>;
      if (lastEventId) this.lastId = lastEventId;
      const parsed: unknown = JSON.parse(data);
      this.own(kind, parsed);
      for (const handler of this.handlers.get(kind) ?? []) handler(parsed, lastEventId);
    });
  }

  private heard(): void {
    this.heardAt = this.monotonic();
    this.refusals = 0;
    const now = connection.get();
    if (now.state === 'open') return;
    changeConnection({
      state: 'open',
      since: null,
      attempt: 0,
      nextTryAt: null,
      epoch: now.epoch + 1,
    });
  }

  private own(kind: string, data: unknown): void {
    if (kind === 'hello') {
      const hello = data as Hello;
      serverClock.restart();
      serverClock.read(Date.parse(hello.ts));
      this.silenceMs = Math.max(SILENCE_MS, hello.ping_s * 1000 + 1_000);
      limits.staleMs = hello.stale_ms ?? limits.staleMs;
      limits.deadMs = hello.dead_ms ?? limits.deadMs;
      changeConnection({ nature: hello.nature ?? connection.get().nature });
    } else if (kind === 'ping') {
      serverClock.read(Date.parse((data as Ping).ts));
      if (connection.get().fault !== null) changeConnection({ fault: null });
    } else if (kind === 'gap') {
      const { from, to } = data as Gap;
      const at = (id: string) => Number.parseInt(id, 10);
      const now = connection.get();
      changeConnection({ gap: { from: at(from), to: at(to) }, epoch: now.epoch + 1 });
    } else if (kind === 'error') {
      changeConnection({ fault: (data as Fault).detail });
    }
  }

  private broken(source: EventSource): void {
    this.lose();
    const now = serverClock.real();
    if (source.readyState === 2) {
      // Refused, or not a stream: the browser gives up, so the next attempt is ours.
      this.refusals += 1;
      if (this.refusals === 3) this.lastId = null;
      const wait = BACKOFF_MS[Math.min(this.refusals, BACKOFF_MS.length) - 1]!;
      this.close();
      this.retryAt = this.monotonic() + wait;
      changeConnection({ attempt: connection.get().attempt + 1, nextTryAt: now + wait });
      this.onRefused();
    } else {
      // The browser tries again by itself, and sends Last-Event-ID.
      this.openedAt = this.monotonic();
      changeConnection({ attempt: connection.get().attempt + 1, nextTryAt: now + 1_000 });
    }
  }

  private lose(): void {
    const now = connection.get();
    if (now.state === 'lost') return;
    changeConnection({ state: 'lost', since: serverClock.real(), attempt: 0 });
  }

  private check(): void {
    const now = this.monotonic();
    // A page that was frozen has not listened: waiting events come first.
    const wasAsleep = now - this.checkedAt > 4 * CHECK_MS;
    this.checkedAt = now;
    const state = connection.get().state;
    if (state === 'paused') return;
    if (this.hiddenAt !== null && now - this.hiddenAt > HIDDEN_MS) {
      this.close();
      changeConnection({ state: 'paused', since: serverClock.real(), nextTryAt: null });
      return;
    }
    if (this.retryAt !== null) {
      if (now >= this.retryAt) this.open();
      return;
    }
    if (wasAsleep) {
      this.heardAt = Math.max(this.heardAt, now - this.silenceMs + 1_000);
      return;
    }
    const silent = now - Math.max(this.heardAt, state === 'lost' ? 0 : this.openedAt);
    if (silent > this.silenceMs && state !== 'lost') {
      this.lose();
      this.openedAt = now;
      changeConnection({ nextTryAt: serverClock.real() + ATTEMPT_MS, attempt: 1 });
    } else if (state === 'lost' && now - this.openedAt > ATTEMPT_MS) {
      changeConnection({
        attempt: connection.get().attempt + 1,
        nextTryAt: serverClock.real() + ATTEMPT_MS,
      });
      this.open();
    }
  }

  private readonly onVisibility = (): void => {
    if (document.visibilityState === 'hidden') {
      this.hiddenAt = this.monotonic();
      return;
    }
    this.hiddenAt = null;
    this.checkedAt = this.monotonic();
    if (connection.get().state === 'paused' && !this.isHeld) {
      changeConnection({ state: 'connecting' });
      this.open();
    }
  };
}

export const stream = new Stream();
