/** Accounts, orders, fills and positions: what pages read of them, and how events refresh it. */

import { queryOptions } from '@tanstack/react-query';

import type { AccountRow, KillRow, LimitChange, OrderBody, OrderChange, OrderRow, PositionRow } from '@/types/domain';

import { api, ApiError, data } from './api';
import { queryClient } from './queries';
import { stream } from './stream';

const KEY = 'trading';
/** Without an event all is read again after this: an event may be lost. */
const EVERY_MS = 15_000;
/** How much of a limit is used moves with prices, of which no event tells. */
const LIMITS_MS = 3_000;
const again = { refetchInterval: EVERY_MS, staleTime: 1_000 };

export const accountsQuery = queryOptions({
  queryKey: [KEY, 'accounts'],
  queryFn: () => data(api.GET('/api/accounts')),
  ...again,
});

export const positionsQuery = queryOptions({
  queryKey: [KEY, 'positions'],
  queryFn: () => data(api.GET('/api/positions')),
  ...again,
});

export const killQuery = queryOptions({
  queryKey: [KEY, 'kill'],
  queryFn: () => data(api.GET('/api/risk/kill')),
  ...again,
});

export const workingQuery = (account: string) =>
  queryOptions({
    queryKey: [KEY, 'working', account],
    queryFn: () => data(api.GET('/api/orders', { params: { query: { account_id: account, is_open: true } } })),
    ...again,
  });

export const fillsQuery = (account: string, limit: number) =>
  queryOptions({
    queryKey: [KEY, 'fills', account, limit],
    queryFn: () => data(api.GET('/api/fills', { params: { query: { account_id: account, limit } } })),
    ...again,
  });

export const fillsOfQuery = (symbol: string, from: string) =>
  queryOptions({
    queryKey: [KEY, 'fills of', symbol, from],
    queryFn: () => data(api.GET('/api/fills', { params: { query: { symbol, from, limit: 1_000 } } })),
    ...again,
  });

export const activityQuery = queryOptions({
  queryKey: [KEY, 'activity'],
  queryFn: () => data(api.GET('/api/activity/today')),
  ...again,
});

export const statementQuery = (account: string, from: string, to: string) =>
  queryOptions({
    queryKey: [KEY, 'statement', account, from, to],
    queryFn: () =>
      data(api.GET('/api/accounts/{account_id}/statement', { params: { path: { account_id: account }, query: { from, to } } })),
    ...again,
  });

export const storyQuery = (order: string) =>
  queryOptions({
    queryKey: [KEY, 'story', order],
    queryFn: () => data(api.GET('/api/orders/{order_id}/story', { params: { path: { order_id: order } } })),
    ...again,
  });

export const pnlQuery = (account: string, from: string, to: string) =>
  queryOptions({
    queryKey: [KEY, 'pnl', account, from, to],
    queryFn: () =>
      data(api.GET('/api/accounts/{account_id}/pnl', { params: { path: { account_id: account }, query: { from, to } } })),
    ...again,
  });

/** Return a statement as CSV, as the page asks for it. */
export const statementCsv = (account: string, from: string, to: string): Promise<string> =>
  data(
    api.GET('/api/accounts/{account_id}/statement', {
      params: { path: { account_id: account }, query: { from, to } },
      headers: { Accept: 'text/csv' },
      parseAs: 'text',
    }),
  );

export const exposureQuery = (account: string) =>
  queryOptions({
    queryKey: [KEY, 'exposure', account],
    queryFn: () => data(api.GET('/api/risk/exposure', { params: { query: { account_id: account } } })),
    ...again,
    refetchInterval: LIMITS_MS,
  });

export const limitVersionsQuery = (account: string) =>
  queryOptions({
    queryKey: [KEY, 'limit versions', account],
    queryFn: () => data(api.GET('/api/risk/limits/versions', { params: { query: { account_id: account } } })),
    ...again,
  });

export const changeLimit = (change: LimitChange) => data(api.PATCH('/api/risk/limits', { body: change }));

export const addNote = (order: string, text: string) => data(api.POST('/api/notes', { body: { order_id: order, text } }));

export const limitsQuery = (account: string) =>
  queryOptions({
    queryKey: [KEY, 'limits', account],
    queryFn: () => data(api.GET('/api/risk/limits', { params: { query: { account_id: account } } })),
    ...again,
    refetchInterval: LIMITS_MS,
  });

const whole = (body: OrderBody) => ({ is_flattening: false, ...body });

/** Return the verdict that an order would get now. */
export const previewOrder = (body: OrderBody) =>
  data(api.POST('/api/orders/preview', { body: whole(body) }));

/** Place an order; the same id with the same content is the same order. */
export const placeOrder = (body: OrderBody, id: string): Promise<OrderRow> =>
  data(api.POST('/api/orders', { params: { header: { 'Idempotency-Key': id } }, body: whole(body) }));

export const modifyOrder = (order: string, change: OrderChange) =>
  data(api.PATCH('/api/orders/{order_id}', { params: { path: { order_id: order } }, body: change }));

export const cancelOrder = (order: string) =>
  data(api.DELETE('/api/orders/{order_id}', { params: { path: { order_id: order } } }));

/** Close a position at the market. */
export const flatten = (position: PositionRow) =>
  data(api.POST('/api/positions/flatten', { body: { account_id: position.account_id, symbol: position.series } }));

export const latchKill = (reason: string) => data(api.POST('/api/risk/kill', { body: { reason } }));
export const resetKill = (reason: string) => data(api.DELETE('/api/risk/kill', { body: { reason } }));

export const fundAccount = (account: string, amount: string) =>
  data(api.POST('/api/accounts/{account_id}/fund', { params: { path: { account_id: account } }, body: { amount, note: 'funded on the page' } }));
export const resetAccount = (account: string, amount: string) =>
  data(api.POST('/api/accounts/{account_id}/reset', { params: { path: { account_id: account } }, body: { amount, note: 'reset on the page' } }));

/** Orders and fills come in bursts: what they change is read again together. */
const TOGETHER_MS = 120;

/** Follow trading by its events, as long as a page is open; returns what ends it. */
export function followTrading(): () => void {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    waiting ??= setTimeout(() => {
      waiting = undefined;
      void refreshTrading();
    }, TOGETHER_MS);
  };
  // Positions and accounts come with each mark, several times a second: their rows are taken as
  // they are.
  const ends = [
    stream.on('order', soon),
    stream.on('fill', soon),
    stream.on('position', (event) => {
      const row = event as PositionRow;
      queryClient.setQueryData(positionsQuery.queryKey, (rows) =>
        replaced(rows, row, (one) => one.account_id === row.account_id && one.series === row.series),
      );
    }),
    stream.on('kill', (event) => {
      queryClient.setQueryData(killQuery.queryKey, event as KillRow);
      soon();
    }),
    stream.on('account', (event) => {
      const row = event as AccountRow;
      queryClient.setQueryData(accountsQuery.queryKey, (rows) =>
        replaced(rows, row, (one) => one.account_id === row.account_id),
      );
    }),
  ];
  return () => {
    clearTimeout(waiting);
    ends.forEach((end) => end());
  };
}

/** Return rows with one in the stead of its older self, or added; nothing before they were read. */
export function replaced<T>(rows: T[] | undefined, row: T, isSame: (one: T) => boolean): T[] | undefined {
  if (!rows) return undefined;
  return rows.some(isSame) ? rows.map((one) => (isSame(one) ? row : one)) : [...rows, row];
}

/** Read all of trading again now. */
export function refreshTrading(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: [KEY] });
}

/** Return a new client order id: one for each order that a person means. */
export function newOrderId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `ui-${[...bytes].map((one) => one.toString(16).padStart(2, '0')).join('')}`;
}

/** Whether an order that got this error may have been placed all the same. */
export function isUnknown(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status >= 500;
}
