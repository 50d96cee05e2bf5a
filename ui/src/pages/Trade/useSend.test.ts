import { act, renderHook } from '@testing-library/react';
import { beforeEach, describe, expect, test, vi } from 'vitest';

import { ApiError } from '@/services/api';
import type { OrderBody } from '@/types/domain';

import { useSend } from './useSend';

const placed = vi.hoisted(() => vi.fn());
vi.mock('@/services/trading', async (original) => ({
  ...(await original<object>()),
  placeOrder: placed,
  refreshTrading: () => Promise.resolve(),
}));

const body: OrderBody = { account_id: 'PAPER', symbol: 'ES', side: 'BUY', type: 'MARKET', quantity: 1, time_in_force: 'DAY' };
const order = { order_id: '1', status: 'PENDING' };
const ids = () => placed.mock.calls.map((call) => call[1] as string);

beforeEach(() => placed.mockReset());

describe('an order', () => {
  test('is sent once by two clicks in one turn', async () => {
    placed.mockResolvedValue(order);
    const { result } = renderHook(useSend);
    await act(async () => {
      await Promise.all([result.current.send(body), result.current.send(body)]);
    });
    expect(placed).toHaveBeenCalledTimes(1);
    expect(result.current.sent).toEqual({ kind: 'placed', order });
  });

  test('keeps its id until Thor has answered, so that a retry is the same order', async () => {
    placed.mockRejectedValueOnce(new ApiError(0, null)).mockResolvedValue(order);
    const { result } = renderHook(useSend);
    await act(() => result.current.send(body));
    expect(result.current.sent.kind).toBe('unknown');
    await act(() => result.current.send(body));
    await act(() => result.current.send(body));
    expect(ids()[1]).toBe(ids()[0]);
    expect(ids()[2]).not.toBe(ids()[0]);
  });

  test('that was refused leaves its id to no other', async () => {
    placed.mockRejectedValueOnce(new ApiError(422, null)).mockResolvedValue(order);
    const { result } = renderHook(useSend);
    await act(() => result.current.send(body));
    expect(result.current.sent.kind).toBe('refused');
    await act(() => result.current.send(body));
    expect(ids()[1]).not.toBe(ids()[0]);
  });
});
