/** Queries of the API, shared by all components: keys, and the store of each answer. */

import { keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query';

import type { Instrument } from '@/types/domain';

import { api, data, mayHelp } from './api';
import { serverClock } from './clock';
import { quotes } from './quotes';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      placeholderData: keepPreviousData,
      refetchOnWindowFocus: false,
      // The stream reports a lost and a restored connection: it invalidates all queries.
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

/** How often a page that shows the board reads it again; in between, quotes come by the stream. */
const BOARD_MS = 5_000;

export const boardQuery = queryOptions({
  queryKey: ['board'],
  queryFn: async () => {
    // A recording is asked for the moment that it has come to.
    const as_of = serverClock.isReplaying() ? new Date(serverClock.now()).toISOString() : null;
    const rows = await data(api.GET('/api/board', { params: { query: as_of ? { as_of } : {} } }));
    quotes.load(rows);
    return rows;
  },
  staleTime: BOARD_MS,
  refetchInterval: BOARD_MS,
});
