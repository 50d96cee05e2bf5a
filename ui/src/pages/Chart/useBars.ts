import { useEffect, useReducer, useRef } from 'react';

import { useCell } from '@/hooks/useCell';
import { mayHelp } from '@/services/api';
import { connection } from '@/services/connection';

import { merged, PAGE, readBars, type Adjustment, type Bar, type Width } from './bars';

/** How often the open bar and those before it are read again: late ticks change them. */
const NEWEST_MS = 1_000;
const NEWEST = 5;

interface State {
  readonly bars: readonly Bar[];
  readonly error: unknown;
  readonly isPending: boolean;
  /** Whether there are no older ones. */
  readonly isWhole: boolean;
}

type Change = Partial<State> | ((state: State) => State);

const EMPTY: State = { bars: [], error: null, isPending: true, isWhole: false };

/** The bars of a series: the newest page, older ones on request, the open bar live. */
export function useBars(symbol: string, width: Width, adjusted: Adjustment) {
  const [state, change] = useReducer(
    (before: State, how: Change): State =>
      typeof how === 'function' ? how(before) : { ...before, ...how },
    EMPTY,
  );
  const epoch = useCell(connection, (now) => now.epoch);
  const isReading = useRef(false);
  const oldest = state.bars[0]?.bar_start;

  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    change(EMPTY);
    isReading.current = false;
    const newest = async (limit: number) => {
      try {
        const found = await readBars(symbol, width, adjusted, undefined, limit);
        if (isOver) return;
        const isFirst = limit === PAGE;
        change((before) => ({
          bars: isFirst ? found : merged(before.bars, found),
          error: null,
          isPending: false,
          isWhole: isFirst ? found.length < limit : before.isWhole,
        }));
        timer = setTimeout(() => void newest(NEWEST), NEWEST_MS);
      } catch (error) {
        if (isOver) return;
        change({ error, isPending: false });
        // A symbol that does not exist will not exist in a second either.
        if (mayHelp(error)) timer = setTimeout(() => void newest(limit), 2 * NEWEST_MS);
      }
    };
    void newest(PAGE);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [symbol, width, adjusted, epoch]);

  const older = async () => {
    if (isReading.current || state.isWhole || !oldest) return;
    isReading.current = true;
    try {
      const found = await readBars(symbol, width, adjusted, oldest);
      change((before) =>
        before.bars[0]?.bar_start === oldest
          ? { ...before, bars: [...found, ...before.bars], isWhole: found.length < PAGE }
          : before,
      );
    } catch (error) {
      change({ error });
    } finally {
      isReading.current = false;
    }
  };
  return { ...state, older: () => void older() };
}
