import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { changeConnection, connection } from './connection';
import { Stream } from './stream';

class FakeSource extends EventTarget {
  static all: FakeSource[] = [];
  readyState = 1;
  isClosed = false;

  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }

  close(): void {
    this.isClosed = true;
    this.readyState = 2;
  }

  say(kind: string, data: unknown, lastEventId = ''): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data), lastEventId }));
  }

  hello(ping_s = 1): void {
    this.say('hello', { ts: '2026-11-28T19:25:27Z', nature: 'simulated', ping_s });
  }
}

const newest = () => FakeSource.all.at(-1)!;
let stream: Stream;

beforeEach(async () => {
  vi.useFakeTimers();
  FakeSource.all = [];
  changeConnection({ state: 'connecting', since: null, attempt: 0, epoch: 0, gap: null });
  stream = new Stream((url) => new FakeSource(url) as unknown as EventSource, () => Date.now());
  stream.on('quote', () => undefined);
  stream.start();
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  stream.stop();
  vi.useRealTimers();
});

describe('the stream', () => {
  it('asks for quotes alone, and is open at the first event', () => {
    expect(FakeSource.all).toHaveLength(1);
    expect(newest().url).toBe('/api/quotes/stream?events=quote');
    expect(connection.get().state).toBe('connecting');
    newest().hello();
    expect(connection.get()).toMatchObject({ state: 'open', nature: 'simulated', epoch: 1 });
  });

  it('is lost within 3 s of silence, and found again by the next event', async () => {
    newest().hello();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(connection.get().state).toBe('open');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connection.get()).toMatchObject({ state: 'lost', attempt: 1 });
    newest().say('ping', { ts: '2026-11-28T19:25:31Z' });
    expect(connection.get()).toMatchObject({ state: 'open', since: null, epoch: 2 });
  });

  it('a server that beats slowly has longer', async () => {
    newest().hello(10);
    await vi.advanceTimersByTimeAsync(10_500);
    expect(connection.get().state).toBe('open');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connection.get().state).toBe('lost');
  });

  it('reopens behind the last event while the silence lasts', async () => {
    newest().hello();
    newest().say('quote', { symbol: 'ES' }, '1795893927319-0.4');
    await vi.advanceTimersByTimeAsync(9_000);
    expect(FakeSource.all).toHaveLength(2);
    expect(FakeSource.all[0]!.isClosed).toBe(true);
    expect(newest().url).toBe('/api/quotes/stream?events=quote&from=1795893927319-0.4');
    newest().hello();
    expect(connection.get().state).toBe('open');
  });

  it('leaves reconnecting to the browser, and takes it over where the browser gives up', async () => {
    newest().hello();
    newest().readyState = 0;
    newest().dispatchEvent(new Event('error'));
    expect(connection.get()).toMatchObject({ state: 'lost', attempt: 1 });
    await vi.advanceTimersByTimeAsync(900);
    expect(FakeSource.all).toHaveLength(1);
    newest().readyState = 2;
    newest().dispatchEvent(new Event('error'));
    await vi.advanceTimersByTimeAsync(600);
    expect(FakeSource.all).toHaveLength(2);
  });

  it('lets go of an id that is refused again and again', async () => {
    newest().hello();
    newest().say('quote', {}, '17-0.1');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      newest().readyState = 2;
      newest().dispatchEvent(new Event('error'));
      await vi.advanceTimersByTimeAsync(3_000);
    }
    expect(newest().url).toBe('/api/quotes/stream?events=quote');
  });

  it('asks for bars as long as somebody wants them, and misses no event by it', async () => {
    newest().hello();
    newest().say('quote', {}, '17-0.1');
    const end = stream.wantBars('5m');
    const endOther = stream.wantBars('5m');
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSource.all).toHaveLength(2);
    expect(newest().url).toBe('/api/quotes/stream?events=quote%2Cbar&bars=5m&from=17-0.1');
    end();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSource.all).toHaveLength(2);
    endOther();
    await vi.advanceTimersByTimeAsync(0);
    expect(newest().url).toBe('/api/quotes/stream?events=quote&from=17-0.1');
  });

  it('gives events to listeners, and reports a hole', () => {
    const seen: unknown[] = [];
    const end = stream.on('bar', (data) => seen.push(data));
    newest().say('bar', { width: '1m' });
    end();
    newest().say('bar', { width: '5m' });
    expect(seen).toEqual([{ width: '1m' }]);
    newest().hello();
    const { epoch } = connection.get();
    newest().say('gap', { from: '1000-0.1', to: '5000-0' });
    expect(connection.get()).toMatchObject({ gap: { from: 1000, to: 5000 }, epoch: epoch + 1 });
  });

  it('a fault behind the server is reported until the next ping', () => {
    newest().hello();
    newest().say('error', { status: 503, detail: 'The bus is away.' });
    expect(connection.get()).toMatchObject({ state: 'open', fault: 'The bus is away.' });
    newest().say('ping', { ts: '2026-11-28T19:25:31Z' });
    expect(connection.get().fault).toBeNull();
  });
});
