/** Join the stream to the quotes, the clock to their ages, and both to what was read. */

import type { Quote } from '@/types/domain';

import { startTicker, ticker } from './clock';
import { connection, markDocument } from './connection';
import { queryClient } from './queries';
import { lastQuoteAt, quotes } from './quotes';
import { stream } from './stream';

/** Start once, before the first render. */
export function start(): void {
  let newest = 0;
  startTicker();
  ticker.subscribe(() => quotes.age(ticker.get()));
  markDocument(document.documentElement);
  stream.on('quote', (event) => {
    const quote = event as Quote;
    quotes.quote(quote);
    newest = Math.max(newest, Date.parse(quote.received_at));
  });
  // The pill counts in tenths of a second: no need to tell it of every tick.
  ticker.subscribe(() => {
    if (newest > 0) lastQuoteAt.set(newest);
  });
  let { epoch } = connection.get();
  connection.subscribe(() => {
    const now = connection.get().epoch;
    // The first opening comes with the first requests; after a later one all is read again.
    if (now > epoch && epoch > 0) void queryClient.invalidateQueries();
    epoch = now;
  });
  stream.start();
}
