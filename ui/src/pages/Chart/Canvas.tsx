import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  LineSeries,
  LineStyle,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type LogicalRange,
  type Time,
} from 'lightweight-charts';
import { useEffect, useRef, useState } from 'react';

import { useComputedColorScheme } from '@mantine/core';

import * as format from '@/services/format';
import type { Notation } from '@/services/format';
import type { FillRow } from '@/types/domain';

import {
  candles,
  chartTime,
  featureLine,
  fillBars,
  rolls,
  sessionStarts,
  sessionVwap,
  volumes,
  type Bar,
  type FeaturesRow,
  type Mark,
  type Traded,
} from './bars';
import css from './Chart.module.css';

/** A feature of the catalogue that is drawn: over the prices, or in a pane of its own. */
export interface Drawn {
  readonly name: string;
  readonly isOverlay: boolean;
}

interface Props {
  bars: readonly Bar[];
  rows: readonly FeaturesRow[];
  marked: readonly Mark[];
  /** What the session of the first bar had traded before it. */
  before: Traded | null;
  drawn: readonly Drawn[];
  /** What was bought and sold, marked at its bar. */
  fills: readonly FillRow[];
  notation: Notation;
  zone: string;
  hasSeconds: boolean;
  label: string;
  /** Changes when another series is shown: the view then goes to the newest bar. */
  seriesKey: string;
  onOlder: () => void;
  onPointer: (bar: Bar | null) => void;
}

/** Left of this many bars older ones are read. */
const OLDER_WITHIN = 60;
const SERIES = ['--series-2', '--series-3', '--series-4', '--series-5'];
const DASHES = [LineStyle.Solid, LineStyle.Dashed, LineStyle.Dotted, LineStyle.LargeDashed];

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The candles with volume, VWAP, sessions, rolls and features, drawn on a canvas. */
export function Canvas(props: Props) {
  const { bars, rows, marked, before, drawn, fills, notation, zone, hasSeconds, label, seriesKey, onOlder, onPointer } = props;
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<IChartApi>(null);
  const parts = useRef<{
    price: ISeriesApi<'Candlestick'>;
    last: IPriceLine;
    volume: ISeriesApi<'Histogram'>;
    vwap: ISeriesApi<'Line'>;
    markers: ISeriesMarkersPluginApi<Time>;
  }>(null);
  const lines = useRef(new Map<string, ISeriesApi<'Line'>>());
  const [sessions, setSessions] = useState<{ x: number; date: string }[]>([]);
  const scheme = useComputedColorScheme('dark');
  const newest = useRef({ bars, onOlder, onPointer, zone });
  useEffect(() => {
    newest.current = { bars, onOlder, onPointer, zone };
  });

  useEffect(() => {
    const made = createChart(box.current!, {
      autoSize: true,
      layout: { attributionLogo: false, background: { color: 'transparent' }, fontSize: 11 },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, rightOffset: 6, minBarSpacing: 1 },
    });
    const price = made.addSeries(CandlestickSeries, {
      borderVisible: true,
      // The library takes the body's colour for the last price, and a hollow body has none.
      lastValueVisible: false,
      priceLineVisible: false,
    });
    const last = price.createPriceLine({ price: 0, lineStyle: LineStyle.Dotted, lineWidth: 1 });
    const volume = made.addSeries(
      HistogramSeries,
      {
        priceFormat: { type: 'custom', minMove: 1, formatter: (value: number) => format.size(value) },
        lastValueVisible: false,
        priceLineVisible: false,
      },
      1,
    );
    const [prices, traded] = made.panes();
    prices?.setStretchFactor(5);
    traded?.setStretchFactor(1);
    const vwap = made.addSeries(LineSeries, {
      lineWidth: 2,
      lastValueVisible: false,
      priceLineVisible: false,
      crosshairMarkerVisible: false,
    });
    parts.current = { price, last, volume, vwap, markers: createSeriesMarkers(price, []) };
    chart.current = made;
    const drawSessions = () => {
      const scale = made.timeScale();
      setSessions(
        sessionStarts(newest.current.bars).flatMap((bar) => {
          const x = scale.timeToCoordinate(chartTime(bar.bar_start, newest.current.zone));
          return x === null || x < 0 || x > scale.width() ? [] : [{ x, date: bar.trade_date }];
        }),
      );
    };
    const onRange = (range: LogicalRange | null) => {
      if (range && range.from < OLDER_WITHIN) newest.current.onOlder();
      drawSessions();
    };
    made.timeScale().subscribeVisibleLogicalRangeChange(onRange);
    made.subscribeCrosshairMove(({ time }) => {
      const { bars: all, zone: now, onPointer: tell } = newest.current;
      tell(time === undefined ? null : (all.find((bar) => chartTime(bar.bar_start, now) === time) ?? null));
    });
    const made_lines = lines.current;
    return () => {
      made_lines.clear();
      parts.current = null;
      chart.current = null;
      made.remove();
    };
  }, []);

  // Colours and the writing of prices, again when the scheme or the instrument changes.
  useEffect(() => {
    const found = parts.current!;
    chart.current!.applyOptions({
      layout: { textColor: token('--text-3'), panes: { separatorColor: token('--line') } },
      grid: { vertLines: { color: token('--grid') }, horzLines: { color: token('--grid') } },
      timeScale: { timeVisible: true, secondsVisible: hasSeconds },
    });
    const [up, down] = [token('--up'), token('--down')];
    // Hollow is up, filled is down: the chart reads without colour.
    const priceFormat = {
      type: 'custom',
      minMove: notation.kind === '32nds' ? 1 / 64 : 10 ** -notation.places,
      formatter: (value: number) => format.price(value, notation, true),
    } as const;
    found.vwap.applyOptions({ priceFormat });
    found.price.applyOptions({
      priceFormat,
      upColor: 'transparent', borderUpColor: up, wickUpColor: up,
      downColor: down, borderDownColor: down, wickDownColor: down,
    });
    found.vwap.applyOptions({ color: token('--series-1') });
  }, [scheme, notation, hasSeconds]);

  useEffect(() => {
    const found = parts.current!;
    const shown = candles(bars, zone);
    found.price.setData(shown);
    const lastCandle = shown.at(-1);
    if (lastCandle) {
      const way = lastCandle.close >= lastCandle.open ? 'up' : 'down';
      found.last.applyOptions({
        price: lastCandle.close,
        color: token(`--${way}`),
        axisLabelColor: token(`--${way}-solid`),
        axisLabelTextColor: token(`--on-${way}`),
      });
    }
    found.volume.setData(volumes(bars, zone, { up: token('--up-soft'), down: token('--down-soft') }));
    found.vwap.setData(sessionVwap(bars, zone, before));
  }, [bars, before, zone, scheme]);

  useEffect(() => {
    const rolled: SeriesMarker<Time>[] = rolls(bars).map(({ bar, from }) => ({
      time: chartTime(bar.bar_start, zone),
      position: 'aboveBar',
      shape: 'square',
      color: token('--series-5'),
      text: `${from} → ${bar.contract}`,
    }));
    // The arrow is what was predicted, the sign after it what came of it.
    const predicted: SeriesMarker<Time>[] = marked.map(({ bar, way, outcome }) => ({
      time: chartTime(bar.bar_start, zone),
      position: way === 'up' ? 'belowBar' : 'aboveBar',
      shape: way === 'up' ? 'arrowUp' : 'arrowDown',
      color: token(outcome === 'open' ? '--text-3' : `--${way}`),
      text: { hit: '✓', miss: '✗', open: '' }[outcome],
    }));
    // What was done, beside what was foreseen: a circle, with its contracts and price.
    const traded: SeriesMarker<Time>[] = fillBars(bars, fills).map(({ bar, fill }) => ({
      time: chartTime(bar.bar_start, zone),
      position: fill.side === 'BUY' ? 'belowBar' : 'aboveBar',
      shape: 'circle',
      color: token(fill.side === 'BUY' ? '--up' : '--down'),
      text: `${fill.side === 'BUY' ? '+' : '\u2212'}${fill.quantity} ${format.price(fill.price, notation)}`,
    }));
    const all = [...rolled, ...predicted, ...traded];
    parts.current!.markers.setMarkers(all.sort((one, other) => Number(one.time) - Number(other.time)));
  }, [bars, marked, fills, notation, zone, scheme]);

  useEffect(() => {
    chart.current?.timeScale().scrollToRealTime();
  }, [seriesKey]);

  useEffect(() => {
    const made = chart.current!;
    const wanted = new Set(drawn.map((one) => one.name));
    for (const [name, line] of lines.current) {
      if (!wanted.has(name)) {
        made.removeSeries(line);
        lines.current.delete(name);
      }
    }
    // The panes of prices and of volume come first.
    let pane = 1;
    drawn.forEach(({ name, isOverlay }, index) => {
      if (!isOverlay) pane += 1;
      const line =
        lines.current.get(name) ??
        made.addSeries(LineSeries, { lineWidth: 1, priceLineVisible: false, title: name }, isOverlay ? 0 : pane);
      lines.current.set(name, line);
      line.applyOptions({
        color: token(SERIES[index % SERIES.length]!),
        lineStyle: DASHES[index % DASHES.length]!,
        ...(isOverlay ? {} : { priceFormat: { type: 'price', precision: 2, minMove: 0.01 } }),
      });
      line.setData(featureLine(rows, name, zone));
    });
  }, [drawn, rows, zone, scheme]);

  // The bar that the keyboard stands on; null where it is on none.
  const at = useRef<number | null>(null);
  useEffect(() => {
    at.current = null;
  }, [seriesKey]);

  /** Go so many bars on, and show the one that is reached. */
  const step = (by: number) => {
    const made = chart.current;
    const traded = bars.filter((bar) => bar.open !== null);
    if (!made || traded.length === 0) return;
    const found = traded.findIndex((bar) => chartTime(bar.bar_start, zone) === at.current);
    const from = found < 0 ? traded.length - 1 : found;
    const bar = traded[Math.min(traded.length - 1, Math.max(0, from + by))]!;
    const time = chartTime(bar.bar_start, zone);
    at.current = time;
    const scale = made.timeScale();
    const range = scale.getVisibleRange();
    if (range && (time < Number(range.from) || time > Number(range.to))) {
      scale.scrollToPosition(scale.scrollPosition() + by * 10, false);
    }
    made.setCrosshairPosition(Number(bar.close), time, parts.current!.price);
    onPointer(bar);
  };
  const release = () => {
    at.current = null;
    chart.current?.clearCrosshairPosition();
    onPointer(null);
  };

  return (
    <div
      className={css.canvas}
      role="img"
      aria-label={label}
      tabIndex={0}
      onBlur={release}
      onKeyDown={(event) => {
        if (event.key === 'ArrowLeft') step(-1);
        else if (event.key === 'ArrowRight') step(1);
        else if (event.key === 'Escape') release();
        else if (event.key === 'End') {
          release();
          chart.current?.timeScale().scrollToRealTime();
        } else if (event.key === 'Home') {
          const scale = chart.current?.timeScale();
          scale?.setVisibleLogicalRange({ from: 0, to: 200 });
        } else return;
        event.preventDefault();
      }}
    >
      <div ref={box} className={css.box} data-testid="chart" />
      {sessions.map(({ x, date }) => (
        <span key={date} className={css.session} style={{ transform: `translateX(${x}px)` }}>
          <i>{format.date(date)}</i>
        </span>
      ))}
    </div>
  );
}
