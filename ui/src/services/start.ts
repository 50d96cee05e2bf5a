/** Join the stream to the quotes, the clock to their ages, and both to what was read. */

import type { Heard, Quote } from '@/types/domain';

import { startTicker, ticker } from './clock';
import { connection, markDocument } from './connection';
import { instrumentsQuery, queryClient } from './queries';
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
    if (!quotes.instrument(quote.symbol)) listAgain();
  });
  stream.on('heard', (event) => quotes.heard(event as Heard));
  // The pill counts in tenths of a second: it does not need every tick.
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

let listedAt = 0;

/** Read the instruments again, since a symbol is quoted that is not among them: a new month. */
function listAgain(): void {
  const now = ticker.get();
  if (now - listedAt < 10_000) return;
  listedAt = now;
  void queryClient.invalidateQueries({ queryKey: instrumentsQuery.queryKey });
}
