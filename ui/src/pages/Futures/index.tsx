import { SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';

import { Age } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { useBoard } from '@/hooks/useBoard';
import { useCell } from '@/hooks/useCell';
import { useInstruments } from '@/hooks/useInstruments';
import { useField } from '@/hooks/useQuote';
import { useShortcuts } from '@/hooks/useShortcuts';
import * as format from '@/services/format';
import { lastQuoteAt } from '@/services/quotes';

import { Cards } from './Cards';
import { COLUMNS } from './columns';
import { Detail } from './Detail';
import { Extremes } from './Extremes';
import css from './Futures.module.css';
import { Heatmap } from './Heatmap';
import { useLayouts } from './layouts';
import { ColumnMenu, LayoutMenu } from './Menus';
import { Minis } from './Minis';
import { cardsSql, tableSql } from './sql';
import { FuturesTable } from './Table';
import { TotalStrip } from './Total';

const VIEWS = ['table', 'heatmap', 'cards'] as const;
type View = (typeof VIEWS)[number];
const LABELS: Record<View, string> = { table: 'Table', heatmap: 'Heatmap', cards: 'Cards' };

/** The futures as a table, a heatmap and the desk's cards. */
export default function Futures() {
  const { view: asked } = useSearch({ strict: false }) as { view?: string };
  const view = VIEWS.find((one) => one === asked) ?? 'table';
  const navigate = useNavigate();
  const show = (wanted: View) =>
    void navigate({ to: '/', search: wanted === 'table' ? {} : { view: wanted }, replace: true });
  useShortcuts(
    VIEWS.map((one) => ({ keys: [one[0]!], label: LABELS[one], run: () => show(one) })),
  );
  const layouts = useLayouts();
  const { shown, order } = useColumns(layouts.current);

  return (
    <>
      <div className={css.head}>
        <h1>Futures</h1>
        <SegmentedControl
          size="xs"
          className={css.views}
          aria-label="View"
          value={view}
          onChange={(value) => show(value as View)}
          data={VIEWS.map((one) => ({ value: one, label: LABELS[one] }))}
          transitionDuration={0}
          withItemsBorders={false}
        />
        <TradeDate />
        <span className="spacer" />
        {view === 'table' && (
          <span className={`${css.menus} wide`}>
            <LayoutMenu layouts={layouts} />
            <ColumnMenu layouts={layouts} shown={shown} order={order} />
          </span>
        )}
      </div>
      <Views view={view} layouts={layouts} shown={shown} order={order} />
    </>
  );
}

/** The exchange's day that the figures are of. */
function TradeDate() {
  const { instruments } = useInstruments();
  const day = useField(instruments[0]?.symbol ?? '', 'trade_date');
  if (day === null) return null;
  return <span className="wide muted small">Trade date {format.date(day)}</span>;
}

/** The columns to show, by the width of the window and the layout, and their order. */
function useColumns(layout: ReturnType<typeof useLayouts>['current']) {
  const isWide = useMediaQuery('(min-width: 1600px)', innerWidth >= 1600);
  const { columns, order: wanted } = layout;
  return useMemo(() => {
    const width = isWide ? 1600 : 1280;
    const shown = COLUMNS.filter(({ id, from }) => columns[id] ?? from <= width).map(({ id }) => id);
    const known = wanted.filter((id) => COLUMNS.some((one) => one.id === id));
    const order = [...known, ...COLUMNS.map(({ id }) => id).filter((id) => !known.includes(id))];
    return { shown, order };
  }, [isWide, columns, wanted]);
}

interface ViewsProps {
  view: View;
  layouts: ReturnType<typeof useLayouts>;
  shown: readonly string[];
  order: readonly string[];
}

function Views({ view, layouts, shown, order }: ViewsProps) {
  const { instruments, error, isPending, retry } = useInstruments();
  const board = useBoard();
  const isNarrow = useMediaQuery('(max-width: 700px)', innerWidth <= 700) ?? false;
  const [selected, select] = useState<string | null>(null);

  if (error && instruments.length === 0) {
    return (
      <Failure
        title="The instruments could not be read."
        error={error}
        still="Nothing can be shown without them."
        onRetry={retry}
      />
    );
  }
  if (isPending) {
    return (
      <Panel title="Futures" meta="reading">
        <Loading rows={11} height={20} />
      </Panel>
    );
  }
  if (instruments.length === 0) {
    return (
      <Empty title="No instrument is listed.">
        An operator lists one with <code>thor instruments add</code>.
      </Empty>
    );
  }
  const failure = board.error && (
    <Failure
      title="The board could not be read."
      error={board.error}
      still="Quotes go on; changes, ranges and VWAP are those of the last answer."
      onRetry={board.retry}
    />
  );
  const gives = `${instruments.length} rows`;
  if (view === 'heatmap') {
    return (
      <>
        {failure}
        <TotalStrip />
        <Heatmap />
      </>
    );
  }
  if (view === 'cards') {
    return (
      <>
        {failure}
        <Panel title="Cards" meta={<Rests />} sql={{ statement: cardsSql, gives }} isFlush className={css.cardsPanel}>
          <Cards />
        </Panel>
      </>
    );
  }
  const symbol = selected ?? (isNarrow ? null : (instruments[0]?.symbol ?? null));
  return (
    <>
      {failure}
      <TotalStrip />
      <div className={css.page}>
        <div className={css.column}>
          <Panel
            title={instruments.length === 11 ? 'Eleven futures' : `${instruments.length} futures`}
            meta={<Rests sort={layouts.current.sort?.id} />}
            sql={{ statement: tableSql, gives }}
            isFlush
          >
            <FuturesTable
              layouts={layouts}
              shown={shown}
              order={order}
              selected={symbol}
              onSelect={(one) => select(isNarrow && one === selected ? null : one)}
              isNarrow={isNarrow}
            />
          </Panel>
          <Minis instruments={instruments} />
          <Extremes />
        </div>
        {symbol && !isNarrow && <Detail symbol={symbol} />}
      </div>
    </>
  );
}

/** What the figures rest on, in the panel's head. */
function Rests({ sort }: { sort?: string }) {
  const title = COLUMNS.find(({ id }) => id === sort);
  return (
    <>
      change on the previous close ·{' '}
      {title ? `sorted by ${(title.description ?? title.title).toLowerCase()}` : 'in desk order'} ·
      newest <Age at={useCell(lastQuoteAt)} /> ago
    </>
  );
}
