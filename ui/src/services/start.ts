/** Join the stream to the quotes, the clock to their ages, and both to what was read. */

import type { DeskExtreme, DeskSignal, DeskTotal, Heard, Quote } from '@/types/domain';

import { serverClock, startTicker, ticker } from './clock';
import { connection, markDocument } from './connection';
import { takeExtreme, takeSignal, takeTotal } from './desk';
import { instrumentsQuery, queryClient } from './queries';
import { lastQuoteAt, lastTradeDay, quotes } from './quotes';
import { schemes } from './scheme';
import { ask, session, watchSession, type Session } from './session';
import { adopt, keepWith } from './stored';
import { stream } from './stream';

/** Start once, before the first render. */
export function start(): void {
  let newest = 0;
  let market = 0;
  startTicker();
  ticker.subscribe(() => quotes.age(ticker.get()));
  markDocument(document.documentElement);
  stream.on('quote', (event) => {
    const quote = event as Quote;
    quotes.quote(quote);
    newest = Math.max(newest, Date.parse(quote.received_at));
    if (connection.get().nature === 'recorded') serverClock.replay(newest);
    market = Math.max(market, Date.parse(quote.ts));
    if (!quotes.instrument(quote.symbol)) listAgain();
  });
  stream.on('signal', (event) => takeSignal(event as DeskSignal));
  stream.on('total', (event) => takeTotal(event as DeskTotal));
  stream.on('extreme', (event) => takeExtreme(event as DeskExtreme));
  stream.on('heard', (event) => quotes.heard(event as Heard));
  // The pill counts in tenths of a second: it does not need every tick.
  ticker.subscribe(() => {
    if (newest > 0) lastQuoteAt.set(newest);
    if (market > 0) lastTradeDay.set(tradeDay(market));
  });
  let { epoch } = connection.get();
  connection.subscribe(() => {
    const now = connection.get().epoch;
    // The first opening comes with the first requests; after a later one all is read again.
    if (now > epoch && epoch > 0) void queryClient.invalidateQueries();
    epoch = now;
  });
  stream.onRefused = () => void ask();
  follow();
  watchSession();
}

/** Let the stream and what is kept follow who acts. */
function follow(): void {
  let before: Session = session.get();
  session.subscribe(() => {
    const now = session.get();
    const isNew = before.me?.user_id !== now.me?.user_id;
    const isBack = before.state === 'ended' && now.state === 'open';
    before = now;
    if (now.state === 'out' || now.state === 'ended') {
      stream.hold();
      return;
    }
    if (isNew && now.me !== null) {
      const { settings, time_zone } = now.me;
      const zone = now.me.user_id === null ? {} : { zone: time_zone };
      adopt({ ...zone, ...settings });
      schemes.adopt(settings.theme);
    }
    keepWith(now.me?.user_id ?? null);
    stream.release();
    if (isBack) void queryClient.invalidateQueries();
  });
}

const chicago = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/Chicago' });

/** The exchange's day of a moment, YYYY-MM-DD: it begins at 17:00 in Chicago. */
function tradeDay(ms: number): string {
  return chicago.format(ms + 7 * 3_600_000);
}

let listedAt = 0;

/** Read the instruments again, since a symbol is quoted that is not among them: a new month. */
function listAgain(): void {
  const now = ticker.get();
  if (now - listedAt < 10_000) return;
  listedAt = now;
  void queryClient.invalidateQueries({ queryKey: instrumentsQuery.queryKey });
}
