/**
 * Thor's clock, as this page knows it. Ages are counted by it, never by the viewer's own clock,
 * which may be an hour off. Each event that carries the server's time is a reading; the one that
 * travelled the shortest is believed. A recorded market has a clock of its own: the newest moment
 * that was replayed.
 */

import { Cell } from './emitter';

const READINGS = 30;
const TICK_MS = 250;
/** How far the viewer's clock may be off before the page shows it. */
export const SKEW_MAX_MS = 60_000;

export class ServerClock {
  private readings: number[] = [];
  private offset: number | null = null;
  private replayed: number | null = null;

  constructor(
    private readonly monotonic: () => number = () => performance.now(),
    private readonly wall: () => number = () => Date.now(),
  ) {}

  /** Take the server's time of an event that has just arrived, in ms since 1970. */
  read(serverMs: number): void {
    if (!Number.isFinite(serverMs)) return;
    this.readings.push(serverMs - this.monotonic());
    if (this.readings.length > READINGS) this.readings.shift();
    this.offset = Math.max(...this.readings);
  }

  /** Forget the readings, as after the machine slept. */
  restart(): void {
    this.readings = [];
  }

  /** Go by the newest moment of a recording that was replayed, in ms since 1970. */
  replay(ms: number): void {
    this.replayed = Math.max(ms, this.replayed ?? 0);
  }

  /** Whether a recording is replayed. */
  isReplaying(): boolean {
    return this.replayed !== null;
  }

  /** Now as quotes are aged by: in a recorded market the recording's moment, else Thor's clock. */
  now(): number {
    return this.replayed ?? this.real();
  }

  /** Now by Thor's clock, whatever is replayed; by the viewer's until Thor was heard. */
  real(): number {
    return this.offset === null ? this.wall() : this.offset + this.monotonic();
  }

  /** How far the viewer's clock is ahead of Thor's, in ms; 0 until Thor's is known. */
  skew(): number {
    return this.offset === null ? 0 : this.wall() - this.real();
  }
}

export const serverClock = new ServerClock();

/** Now by Thor's clock, four times a second: what ages and countdowns are drawn by. */
export const ticker = new Cell(serverClock.now());

/** Now by Thor's own clock, four times a second, whatever is replayed. */
export const wallTicker = new Cell(serverClock.real());

let timer: ReturnType<typeof setInterval> | undefined;

/** Start the ticker; calling it again changes nothing. */
export function startTicker(): void {
  timer ??= setInterval(() => {
    ticker.set(serverClock.now());
    wallTicker.set(serverClock.real());
  }, TICK_MS);
}
