/** What is read from the API, once for all who ask: keys, and what each answer is put into. */

import { keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query';

import type { BarRow } from '@/types/api';
import type { BoardRow, Instrument } from '@/types/domain';

import { api, data, mayHelp } from './api';
import { Cell } from './emitter';
import { EMPTY, quotes } from './quotes';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      placeholderData: keepPreviousData,
      refetchOnWindowFocus: false,
      // Being lost and found again is the stream's to say: it invalidates all that was read.
      networkMode: 'always',
      retry: (failures, error) => failures < 2 && mayHelp(error),
      retryDelay: 500,
    },
  },
});

export const instrumentsQuery = queryOptions({
  queryKey: ['instruments'],
  queryFn: async (): Promise<Instrument[]> => {
    const found = await data(api.GET('/api/instruments'));
    quotes.list(found);
    return found;
  },
  staleTime: 300_000,
});

/** The closes of the last hour's minutes by symbol. */
export const lastHours = new Cell<ReadonlyMap<string, readonly (number | null)[]>>(new Map());

const BOARD_MS = 5_000;

export const boardQuery = queryOptions({
  queryKey: ['board'],
  queryFn: readBoard,
  staleTime: BOARD_MS,
  refetchInterval: BOARD_MS,
});

async function readBoard(): Promise<BoardRow[]> {
  const instruments = await queryClient.ensureQueryData(instrumentsQuery);
  const found = await data(api.GET('/api/quotes'));
  const minutes = new Map<string, readonly (number | null)[]>();
  const rows = await Promise.all(
    instruments.map(async ({ symbol, name, sort_order }) => {
      const bars = (width: '1m' | '1d', limit: number) =>
        data(
          api.GET('/api/bars/{symbol}', {
            params: { path: { symbol }, query: { width, limit } },
          } as never),
        ) as Promise<BarRow[]>;
      const [hour, days] = await Promise.all([bars('1m', 60), bars('1d', 2)]);
      minutes.set(
        symbol,
        hour.map((bar) => (bar.close === null ? null : Number(bar.close))),
      );
      const day = days.at(-1);
      const before = days.length > 1 ? days[0] : undefined;
      const quote = found.find((one) => one.symbol === symbol);
      return {
        ...EMPTY,
        symbol,
        name,
        sort_order,
        ...(quote && {
          contract: quote.contract,
          source: quote.source,
          last: quote.last,
          bid: quote.bid,
          ask: quote.ask,
          last_size: quote.last_size,
          bid_size: quote.bid_size,
          ask_size: quote.ask_size,
          volume: quote.volume,
          ts: quote.ts,
          received_at: quote.received_at,
          heard_at: quote.received_at,
        }),
        basis: before?.close ?? day?.open ?? null,
        basis_kind: 'daily bar',
        prev_close: before?.close ?? day?.open ?? null,
        open: day?.open ?? null,
        high: day?.high ?? null,
        low: day?.low ?? null,
        vwap: day?.vwap ?? null,
      };
    }),
  );
  lastHours.set(minutes);
  quotes.load(rows);
  return rows;
}
