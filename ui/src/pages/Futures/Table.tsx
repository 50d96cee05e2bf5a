import {
  columnOrderingFeature,
  columnVisibilityFeature,
  createSortedRowModel,
  rowPinningFeature,
  rowSortingFeature,
  tableFeatures,
  useTable,
  type ColumnDef,
  type Row as TableRow,
} from '@tanstack/react-table';
import { VisuallyHidden } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { memo, useMemo, useRef, type ReactNode } from 'react';

import { Icon } from '@/components/Icon';
import { LiveSignal } from '@/components/figures/Signal';
import { SymbolLink } from '@/components/SymbolLink';
import { LiveAge, LiveState } from '@/components/figures/live';
import { useField } from '@/hooks/useQuote';
import { useInstruments } from '@/hooks/useInstruments';
import { useShortcuts } from '@/hooks/useShortcuts';
import { quotes } from '@/services/quotes';
import type { QuoteRow } from '@/types/domain';

import { COLUMNS, Hour, Moved, type Column } from './columns';
import css from './Futures.module.css';
import { groupTitle } from './groups';
import type { Layouts } from './layouts';
import { useOrder } from './useOrder';

const features = tableFeatures({
  rowSortingFeature,
  rowPinningFeature,
  columnVisibilityFeature,
  columnOrderingFeature,
  sortedRowModel: createSortedRowModel(),
});
type Features = typeof features;

/** What is missing sorts last, whichever way. */
function sorted(column: Column): Partial<ColumnDef<Features, QuoteRow>> {
  const value = column.sort;
  if (!value) return { enableSorting: false };
  return {
    accessorFn: (row) => value(row) ?? undefined,
    sortUndefined: 'last',
    sortFn: (a, b, id) => {
      const [x, y] = [a.getValue<string | number>(id), b.getValue<string | number>(id)];
      return x < y ? -1 : x > y ? 1 : 0;
    },
  };
}

const DEFINITIONS = COLUMNS.map(
  (column) => ({ id: column.id, ...sorted(column) }) as ColumnDef<Features, QuoteRow>,
);
const BY_ID = new Map(COLUMNS.map((column) => [column.id, column]));
const KINDS: Record<Column['kind'], string | undefined> = {
  text: undefined,
  number: css.number,
  price: css.price,
  graphic: css.graphic,
};

interface TableProps {
  layouts: Layouts;
  shown: readonly string[];
  order: readonly string[];
  selected: string | null;
  onSelect: (symbol: string) => void;
  isNarrow: boolean;
}

/** The futures as a table: a row a symbol, each cell following its own field. */
export function FuturesTable({ layouts, shown, order, selected, onSelect, isNarrow }: TableProps) {
  const { instruments } = useInstruments();
  const navigate = useNavigate();
  const body = useRef<HTMLTableSectionElement>(null);
  const { sort, pins } = layouts.current;
  const data = useOrder(instruments, sort !== null, body);

  const table = useTable({
    features,
    columns: DEFINITIONS,
    data,
    getRowId: (row) => row.symbol,
    keepPinnedRows: true,
    state: {
      sorting: sort ? [{ id: sort.id, desc: sort.isDescending }] : [],
      rowPinning: { top: [...pins], bottom: [] },
      columnVisibility: Object.fromEntries(COLUMNS.map(({ id }) => [id, shown.includes(id)])),
      columnOrder: [...order],
    },
  });
  const columns = useMemo(
    () =>
      order.filter((id) => shown.includes(id)).flatMap((id) => BY_ID.get(id) ?? []),
    [order, shown],
  );
  const top = table.getTopRows();
  const rest = table.getCenterRows();
  const all = [...top, ...rest].map((row) => row.id);
  const isGrouped = sort === null;

  const step = (by: number) => {
    const at = selected === null ? (by > 0 ? -1 : all.length) : all.indexOf(selected);
    const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
    if (next) onSelect(next);
  };
  useShortcuts([
    { keys: ['ArrowUp', 'ArrowDown'], label: 'Row before, row after', run: ({ key }) => step(key === 'ArrowUp' ? -1 : 1) },
    {
      keys: ['Enter'],
      label: 'Chart of the row',
      run: () => {
        if (selected) void navigate({ to: '/chart/$symbol', params: { symbol: selected } });
      },
    },
    ...(['BUY', 'SELL'] as const).map((side) => ({
      keys: [side === 'BUY' ? 'b' : 's'],
      label: side === 'BUY' ? 'Ticket of the row: buy' : 'Ticket of the row: sell',
      run: () => {
        if (selected) void navigate({ to: '/trade', search: { symbol: selected, side } as never });
      },
    })),
  ]);

  const pin = (symbol: string) =>
    layouts.change({
      pins: pins.includes(symbol) ? pins.filter((one) => one !== symbol) : [...pins, symbol],
    });
  const sortBy = (id: string) => {
    const isText = BY_ID.get(id)?.kind === 'text';
    if (sort?.id !== id) layouts.change({ sort: { id, isDescending: !isText } });
    else if (sort.isDescending !== isText) layouts.change({ sort: { id, isDescending: isText } });
    else layouts.change({ sort: null });
  };

  const rows = (found: readonly TableRow<Features, QuoteRow>[], isPinned: boolean): ReactNode[] => {
    let group = '';
    return found.flatMap((row) => {
      const instrument = quotes.instrument(row.id);
      const title = instrument && isGrouped && !isPinned ? groupTitle(instrument) : '';
      const heading =
        title && title !== group ? (
          <tr key={title} className={css.group}>
            <th colSpan={isNarrow ? 3 : columns.length + 1} scope="colgroup">
              {title}
            </th>
          </tr>
        ) : null;
      group = title || group;
      const Row = isNarrow ? NarrowRow : WideRow;
      return [
        heading,
        <Row
          key={row.id}
          symbol={row.id}
          columns={columns}
          isPinned={isPinned}
          isSelected={selected === row.id}
          onSelect={onSelect}
          onPin={pin}
        />,
      ];
    });
  };

  return (
    <div className={css.scroll}>
      <table className={`${css.table} ${isNarrow ? '' : css.fixed}`} data-testid="futures">
        {!isNarrow && (
          <colgroup>
            <col className={css.first} />
            {columns.map(({ id, kind, width }) => (
              <col key={id} style={{ width: wide(kind, width) }} />
            ))}
          </colgroup>
        )}
        <thead>
          {isNarrow ? (
            <tr>
              <th scope="col">Symbol</th>
              <th scope="col">Last hour</th>
              <th scope="col" className={css.number}>
                Last
              </th>
            </tr>
          ) : (
            <tr>
              <th scope="col">Symbol</th>
              {columns.map((column) => (
                <Heading
                  key={column.id}
                  column={column}
                  direction={sort?.id === column.id ? (sort.isDescending ? 'descending' : 'ascending') : 'none'}
                  onSort={() => sortBy(column.id)}
                />
              ))}
            </tr>
          )}
        </thead>
        <tbody ref={body}>
          {rows(top, true)}
          {rows(rest, false)}
        </tbody>
      </table>
    </div>
  );
}

function wide(kind: Column['kind'], width: number): string {
  // Graphics grow with the window as their style says.
  return kind === 'graphic' ? `calc(${width}px * var(--graphic) + 8px)` : `calc(${width}ch + 8px)`;
}

interface HeadingProps {
  column: Column;
  direction: 'none' | 'ascending' | 'descending';
  onSort: () => void;
}

function Heading({ column, direction, onSort }: HeadingProps) {
  const { title, description, kind, sort } = column;
  return (
    <th
      scope="col"
      className={KINDS[kind]}
      title={description}
      aria-sort={sort ? direction : undefined}
      data-column={column.id}
    >
      {sort ? (
        <button type="button" className={css.sort} onClick={onSort}>
          {title}
          {description && <VisuallyHidden>: {description}</VisuallyHidden>}
          <span className={css.way} aria-hidden="true">
            {direction === 'none' ? '' : direction === 'ascending' ? '▲' : '▼'}
          </span>
        </button>
      ) : (
        title
      )}
    </th>
  );
}

interface RowProps {
  symbol: string;
  columns: readonly Column[];
  isPinned: boolean;
  isSelected: boolean;
  onSelect: (symbol: string) => void;
  onPin: (symbol: string) => void;
}

const WideRow = memo(function WideRow({ symbol, columns, isPinned, isSelected, onSelect, onPin }: RowProps) {
  const state = useField(symbol, 'state');
  return (
    <tr
      data-symbol={symbol}
      data-state={state ?? undefined}
      aria-current={isSelected || undefined}
      className={isPinned ? css.pinned : undefined}
      onClick={() => onSelect(symbol)}
    >
      <th scope="row" className={css.symbol}>
        <SymbolLink symbol={symbol} />
        <button
          type="button"
          className={css.pin}
          aria-pressed={isPinned}
          aria-label={isPinned ? `Unpin ${symbol}` : `Pin ${symbol} to the top`}
          title={isPinned ? 'Unpin' : 'Pin to the top'}
          onClick={(event) => {
            event.stopPropagation();
            onPin(symbol);
          }}
        >
          <Icon name="pin" size={12} />
        </button>
      </th>
      {columns.map((column) => (
        <td key={column.id} className={KINDS[column.kind]} data-column={column.id}>
          <div className={css.cell}>{column.cell(symbol)}</div>
        </td>
      ))}
    </tr>
  );
});

const NarrowRow = memo(function NarrowRow({ symbol, isSelected, onSelect }: RowProps) {
  const state = useField(symbol, 'state');
  return (
    <>
      <tr
        data-symbol={symbol}
        data-state={state ?? undefined}
        aria-current={isSelected || undefined}
        onClick={() => onSelect(symbol)}
      >
        <th scope="row">
          <SymbolLink symbol={symbol} /> <LiveSignal symbol={symbol} isShort />
          <div className={`tiny dim ${css.under}`}>
            {quotes.instrument(symbol)?.name} ·{' '}
            {state === 'FRESH' || state === null ? <LiveAge symbol={symbol} /> : <LiveState symbol={symbol} />}
          </div>
        </th>
        <td>
          <Hour symbol={symbol} width={64} height={24} />
        </td>
        <td className={css.number}>
          <Moved symbol={symbol} />
        </td>
      </tr>
      {isSelected && (
        <tr className={css.more} data-state={state ?? undefined}>
          <td colSpan={3}>
            <dl className={css.pairs}>
              {COLUMNS.filter(({ id }) => MORE.includes(id)).map((column) => (
                <div key={column.id}>
                  <dt>{PLAIN[column.id] ?? column.title}</dt>
                  <dd>{column.cell(symbol)}</dd>
                </div>
              ))}
            </dl>
          </td>
        </tr>
      )}
    </>
  );
});

const MORE = ['bid_size', 'bid', 'ask', 'ask_size', 'spread_ticks', 'volume', 'vwap', 'open', 'high', 'low', 'basis', 'source', 'age', 'state'];
const PLAIN: Record<string, string> = {
  bid_size: 'Bid size',
  ask_size: 'Ask size',
  spread_ticks: 'Spread, ticks',
  source: 'Source',
};
