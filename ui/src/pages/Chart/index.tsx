import '@mantine/core/styles/Combobox.css';
import '@mantine/core/styles/Pill.css';
import '@mantine/core/styles/PillsInput.css';

import { MultiSelect, SegmentedControl, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';

import { LiveAge, LiveChange, LivePercent, LivePrice, LiveState } from '@/components/figures/live';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { useCell } from '@/hooks/useCell';
import { useInstruments } from '@/hooks/useInstruments';
import { useShortcuts } from '@/hooks/useShortcuts';
import { CHICAGO, ownZone, useZoneChoice } from '@/hooks/useZone';
import { api, ApiError, data } from '@/services/api';
import * as format from '@/services/format';
import { serverClock, ticker } from '@/services/clock';
import { queryClient } from '@/services/queries';
import { notationOf, quotes } from '@/services/quotes';
import { stream } from '@/services/stream';

import {
  ADJUSTMENTS,
  chartSql,
  FEATURE_WIDTHS,
  readFeatures,
  marks,
  readPredictions,
  readTraded,
  WIDTHS,
  type Adjustment,
  type Bar,
  type Mark,
  type Width,
} from './bars';
import { Canvas, type Drawn } from './Canvas';
import css from './Chart.module.css';
import { useBars } from './useBars';
import { useFills } from './useFills';

const FEATURES_MAX = 4;
/** Outcomes are joined between two predictions. */
const PREDICTIONS_EVERY_MS = 15_000;
const NONE: readonly never[] = [];
const ADJUSTED: Record<Adjustment, string> = {
  none: 'As recorded',
  raw: 'Continuous',
  difference: 'Continuous, by difference',
  ratio: 'Continuous, by ratio',
};

interface Asked {
  width?: string;
  adjusted?: string;
  features?: string;
}

/** One symbol over time: candles, volume, VWAP, and any feature of the catalogue. */
export default function Chart() {
  const { symbol } = useParams({ strict: false }) as { symbol: string };
  const asked = useSearch({ strict: false }) as Asked;
  const { instruments, isPending, error } = useInstruments();
  // A month that is listed has a chart before it has a quote.
  const instrument = quotes.instrument(symbol);
  const width = WIDTHS.find((one) => one === (asked.width ?? '5m'));
  if (!width) {
    return (
      <Empty title={`Thor has no bars of the width ${asked.width}.`}>
        It has {WIDTHS.join(', ')}:{' '}
        <Link to="/chart/$symbol" params={{ symbol }} search={{ width: '5m' }} className="link">
          {symbol} in five minutes
        </Link>
        .
      </Empty>
    );
  }
  // Whether there is such a symbol is known before its bars are asked for.
  if (isPending) return <Loading rows={8} height={24} />;
  if (!instrument && !error) {
    const near = instruments.find((one) => symbol.toUpperCase().startsWith(one.root));
    return (
      <Empty title={`Thor does not know the symbol ${symbol}.`}>
        {near && (
          <>
            Did you mean{' '}
            <Link to="/chart/$symbol" params={{ symbol: near.symbol }} className="link">
              {near.symbol}
            </Link>
            ?{' '}
          </>
        )}
        Press <kbd>/</kbd> and type a symbol.
      </Empty>
    );
  }
  return <Series key={symbol} symbol={symbol} width={width} asked={asked} name={instrument?.name ?? ''} />;
}

interface SeriesProps {
  symbol: string;
  name: string;
  width: Width;
  asked: Asked;
}

function Series({ symbol, name, width, asked }: SeriesProps) {
  const navigate = useNavigate();
  const [zone, setZone] = useZoneChoice();
  const [pointed, setPointed] = useState<Bar | null>(null);
  const instrument = quotes.instrument(symbol);
  const notation = useMemo(() => notationOf(instrument), [instrument]);
  const canAdjust = width !== '1s' && instrument?.root === symbol;
  const adjusted = (canAdjust && ADJUSTMENTS.find((one) => one === asked.adjusted)) || 'none';
  const { bars, error, isPending, older } = useBars(symbol, width, adjusted);

  const change = (wanted: Asked) =>
    void navigate({
      to: '/chart/$symbol',
      params: { symbol },
      search: { ...asked, width, ...wanted } as never,
      replace: true,
    });
  useShortcuts(
    WIDTHS.map((one, index) => ({
      keys: [String(index + 1)],
      label: `Bars of ${one}`,
      run: () => change({ width: one }),
    })),
  );

  const catalogue = useQuery({
    queryKey: ['features'],
    queryFn: () => data(api.GET('/api/features')),
    staleTime: 300_000,
  });
  const names = useMemo(
    () => (asked.features ?? '').split(',').filter(Boolean).slice(0, FEATURES_MAX),
    [asked.features],
  );
  const hasFeatures = FEATURE_WIDTHS.includes(width) && adjusted === 'none';
  const known = useMemo(
    () => (catalogue.data ?? []).filter((one) => one.widths.includes(width)),
    [catalogue.data, width],
  );
  const drawn = useMemo(
    (): readonly Drawn[] =>
      names.flatMap((one) => {
        const feature = known.find((it) => it.name === one);
        return feature ? [{ name: one, isOverlay: feature.unit === 'points' && /^(ema|sma|wma|vwap|bollinger_(upper|lower|middle)|keltner|donchian|prior|session_(open|high|low))/.test(one) }] : [];
      }),
    [names, known],
  );
  const first = bars[0];
  const before = useQuery({
    queryKey: ['traded', symbol, adjusted, first?.bar_start],
    queryFn: () => readTraded(symbol, first!, adjusted),
    enabled: first !== undefined && width !== '1d',
    placeholderData: undefined,
    staleTime: 60_000,
  });
  const from = first?.bar_start;
  const newest = bars.at(-1)?.bar_start;
  const features = useQuery({
    queryKey: ['features', symbol, width, names, from, newest],
    queryFn: () => readFeatures(symbol, width, drawn.map((one) => one.name), from!),
    enabled: hasFeatures && drawn.length > 0 && from !== undefined,
  });

  const predictions = useQuery({
    queryKey: ['predictions', symbol],
    queryFn: () => readPredictions(symbol),
    refetchInterval: PREDICTIONS_EVERY_MS,
    enabled: FEATURE_WIDTHS.includes(width),
  });
  useEffect(
    () => stream.on('prediction', () => void queryClient.invalidateQueries({ queryKey: ['predictions'] })),
    [],
  );
  const marked = useMemo(
    () => (adjusted === 'none' ? marks(bars, predictions.data ?? NONE) : NONE),
    [bars, predictions.data, adjusted],
  );
  const fills = useFills(symbol, bars[0]?.bar_start);

  const shown = pointed ?? bars.at(-1) ?? null;
  const isUnknown = error instanceof ApiError && error.status === 404;
  return (
    <>
      <div className={css.head}>
        <h1>{symbol}</h1>
        <span className={css.name}>{name}</span>
        <span className={css.last}>
          <LivePrice symbol={symbol} field="last" isFlashing />
        </span>
        <LiveChange symbol={symbol} field="net_change" />
        <LivePercent symbol={symbol} field="net_change_percent" />
        <LiveState symbol={symbol} />
        <LiveAge symbol={symbol} field="received_at" />
        <span className="spacer" />
        <div className={css.controls}>
          <SegmentedControl
            size="xs"
            aria-label="Width of a bar"
            value={width}
            onChange={(value) => change({ width: value })}
            data={WIDTHS.map((one) => ({ value: one, label: one }))}
            transitionDuration={0}
            withItemsBorders={false}
          />
          {canAdjust && (
            <Select
              size="xs"
              aria-label="Series"
              w={165}
              value={adjusted}
              onChange={(value) => change({ adjusted: value === 'none' ? '' : (value ?? '') })}
              data={ADJUSTMENTS.map((one) => ({ value: one, label: ADJUSTED[one] }))}
              allowDeselect={false}
            />
          )}
          {hasFeatures && (
            <MultiSelect
              size="xs"
              aria-label="Features"
              placeholder={names.length ? '' : 'Features'}
              w={225}
              classNames={{ inputField: css.field }}
              searchable
              maxValues={FEATURES_MAX}
              value={names}
              onChange={(value) => change({ features: value.join(',') })}
              data={known.map((one) => ({ value: one.name, label: one.name }))}
              nothingFoundMessage="No feature of this name."
            />
          )}
          <Select
            size="xs"
            aria-label="Time zone"
            w={105}
            value={zone}
            onChange={(value) => value && setZone(value)}
            data={[...new Set([CHICAGO, ownZone(), 'UTC'])].map((one) => ({
              value: one,
              label: one === CHICAGO ? 'Chicago' : one.split('/').at(-1)!.replaceAll('_', ' '),
            }))}
            allowDeselect={false}
          />
        </div>
      </div>
      {error !== null && !isUnknown && (
        <Failure title={`The bars of ${symbol} could not be read.`} error={error} still="Quotes go on." />
      )}
      {features.error && (
        <Failure title={`Features of ${symbol} could not be read.`} error={features.error} still="Bars go on." />
      )}
      {names.length > drawn.length && catalogue.data && (
        <Note kind="warning" title="A feature of the link is unknown at this width.">
          {names.filter((one) => !drawn.some((it) => it.name === one)).join(', ')} is not in the catalogue.
        </Note>
      )}
      <Panel
        title={`${symbol} · ${width}`}
        meta={<span>{format.time(shown?.bar_start, zone, serverClock.now())} {zone === CHICAGO ? 'Chicago' : zone}</span>}
        isFlush
        sql={{
          statement: () => chartSql(symbol, width, adjusted, bars),
          gives: `${bars.length} bars`,
        }}
      >
        {shown && <Facts bar={shown} mark={marked.find(({ bar }) => bar.bar_start === shown.bar_start)} notation={notation} zone={zone} />}
        {isPending ? (
          <div className={css.canvas}><Loading rows={8} height={24} /></div>
        ) : bars.length === 0 ? (
          <Empty title={isUnknown ? `Thor does not know ${symbol}.` : `${symbol} has no bars of ${width} yet.`}>
            Bars appear with the first trade.
          </Empty>
        ) : (
          <Canvas
            bars={bars}
            rows={hasFeatures ? (features.data ?? NONE) : NONE}
            marked={marked}
            before={before.data ?? null}
            drawn={hasFeatures ? drawn : NONE}
            fills={fills}
            notation={notation}
            zone={zone}
            hasSeconds={width === '1s'}
            label={`Candles of ${symbol}, ${width}, ${bars.length} bars${marked.length > 0 ? `, ${marked.length} predictions` : ''}`}
            seriesKey={`${symbol} ${width} ${adjusted}`}
            onOlder={older}
            onPointer={setPointed}
          />
        )}
        {hasFeatures && drawn.length > 0 && (
          <div className={css.definitions}>
            {drawn.map((one) => (
              <dl key={one.name} style={{ margin: 0 }}>
                <dt>{one.name}</dt>
                <dd>{known.find((it) => it.name === one.name)?.definition}</dd>
              </dl>
            ))}
          </div>
        )}
      </Panel>
    </>
  );
}

const OUTCOMES = { hit: '✓ came true', miss: '✗ did not come true', open: 'not known yet' };

function Facts({ bar, mark, notation, zone }: { bar: Bar; mark: Mark | undefined; notation: format.Notation; zone: string }) {
  const marks = [
    bar.is_open && 'open',
    bar.is_imported && 'imported',
    bar.is_sampled && 'sampled',
    bar.late_ticks > 0 && `${format.size(bar.late_ticks)} late ticks`,
  ].filter(Boolean);
  const facts: [string, string][] = [
    ['O', format.price(bar.open, notation)],
    ['H', format.price(bar.high, notation)],
    ['L', format.price(bar.low, notation)],
    ['C', format.price(bar.close, notation)],
    ['VWAP', format.price(bar.vwap, notation, true)],
    ['Volume', format.size(bar.volume)],
    ['Ticks', format.size(bar.ticks)],
  ];
  if (mark) {
    const sure = mark.probability === null ? '' : ` ${format.rate(100 * mark.probability, 0)}`;
    facts.push(['Predicted', `${mark.way}${sure}, ${OUTCOMES[mark.outcome]}`]);
  }
  return (
    <div className={css.facts} data-testid="facts" data-bar={bar.bar_start}>
      <dl>
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className={css.from}>
        {format.date(bar.trade_date)}
        {bar.contract ? ` · ${bar.contract}` : ''}
        {marks.length ? ` · ${marks.join(', ')}` : ''}
        {bar.is_open && <Closes at={Date.parse(bar.bar_end)} />} · changed {format.time(Date.parse(bar.changed_at), zone)}
      </div>
    </div>
  );
}

/** How long the open bar stays open, by the clock that quotes age by. */
function Closes({ at }: { at: number }) {
  const left = useCell(ticker, (now) => format.countdown(at - now));
  return <> · closes in {left}</>;
}
