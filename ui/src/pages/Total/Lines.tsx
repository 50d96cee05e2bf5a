import { createChart, LineSeries, LineType, type IChartApi, type ISeriesApi } from 'lightweight-charts';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';

import * as format from '@/services/format';
import type { components } from '@/types/api';

import { chartTime } from '../Chart/bars';
import css from './Total.module.css';

type Step = components['schemas']['DeskTotalStep'];

const DRAWN = [
  { field: 'avg_weighted', title: 'average', colour: '--series-1', places: 3, isStepped: false },
  { field: 'signal_weight_sum', title: 'weights', colour: '--series-3', places: 0, isStepped: true },
  { field: 'score', title: 'score', colour: '--series-2', places: 3, isStepped: false },
] as const;

interface Props {
  steps: readonly Step[];
  zone: string;
  onPointer: (step: Step | null) => void;
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Average, weights and score, a pane each, on one axis of time. */
export function Lines({ steps, zone, onPointer }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<IChartApi>(null);
  const lines = useRef<ISeriesApi<'Line'>[]>([]);
  const scheme = useComputedColorScheme('dark');
  const newest = useRef({ steps, zone, onPointer });
  useEffect(() => {
    newest.current = { steps, zone, onPointer };
  });
  useEffect(() => {
    const made = createChart(box.current!, {
      autoSize: true,
      layout: { attributionLogo: false, background: { color: 'transparent' }, fontSize: 11 },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false },
    });
    lines.current = DRAWN.map(({ title, places, isStepped }, pane) =>
      made.addSeries(
        LineSeries,
        {
          lineWidth: 2,
          title,
          priceLineVisible: false,
          lineType: isStepped ? LineType.WithSteps : LineType.Simple,
          priceFormat: {
            type: 'custom',
            minMove: places ? 0.001 : 1,
            formatter: (value: number) => format.plainNumber(value, places),
          },
        },
        pane,
      ),
    );
    made.subscribeCrosshairMove(({ time }) => {
      const now = newest.current;
      now.onPointer(
        time === undefined
          ? null
          : (now.steps.find((one) => chartTime(one.moment, now.zone) === time) ?? null),
      );
    });
    chart.current = made;
    return () => {
      chart.current = null;
      made.remove();
    };
  }, []);
  useEffect(() => {
    chart.current!.applyOptions({
      layout: { textColor: token('--text-3'), panes: { separatorColor: token('--line') } },
      grid: { vertLines: { color: token('--grid') }, horzLines: { color: token('--grid') } },
    });
    DRAWN.forEach(({ colour }, index) => lines.current[index]!.applyOptions({ color: token(colour) }));
  }, [scheme]);
  useEffect(() => {
    DRAWN.forEach(({ field }, index) => {
      const points = steps.flatMap((one) => {
        const value = one[field];
        return value === null ? [] : [{ time: chartTime(one.moment, zone), value: Number(value) }];
      });
      lines.current[index]!.setData(points);
    });
    chart.current!.timeScale().fitContent();
  }, [steps, zone]);
  return (
    <div
      className={css.canvas}
      role="img"
      aria-label={`The TOTAL over ${steps.length} steps: average, weights of the signals, score`}
    >
      <div ref={box} className={css.box} />
    </div>
  );
}
