import { memo } from 'react';

import css from './graphics.module.css';

interface SparklineProps {
  /** Closes, oldest first. */
  points: readonly number[];
  width: number;
  height: number;
  label: string;
  /** Fill the ground under the line: for the large ones. */
  isFilled?: boolean;
}

/** A small line of closes, teal where it ends above its beginning, vermilion where below. */
export const Sparkline = memo(function Sparkline({
  points,
  width,
  height,
  label,
  isFilled,
}: SparklineProps) {
  if (points.length < 2) {
    return <svg width={width} height={height} role="img" aria-label={`${label}: no trades`} />;
  }
  const [low, high] = [Math.min(...points), Math.max(...points)];
  const x = (index: number) => (index / (points.length - 1)) * (width - 3);
  const y = (value: number) =>
    high === low ? height / 2 : height - 2 - ((value - low) / (high - low)) * (height - 4);
  const places = points.map((value, index) => [x(index), y(value)] as const);
  const line = places.map(([left, top]) => `${left.toFixed(1)},${top.toFixed(1)}`).join(' ');
  const end = places.at(-1)!;
  const colour = points.at(-1)! >= points[0]! ? 'var(--up)' : 'var(--down)';
  return (
    <svg
      className={`${css.spark} tinted`}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {isFilled && (
        <polygon
          points={`${places[0]![0].toFixed(1)},${height} ${line} ${end[0].toFixed(1)},${height}`}
          fill={colour}
          opacity="0.12"
        />
      )}
      <polyline points={line} fill="none" stroke={colour} strokeWidth="1.25" vectorEffect="non-scaling-stroke" />
      <path
        d={`M${end[0].toFixed(1)} ${end[1].toFixed(1)}h0`}
        stroke={colour}
        strokeWidth="3.6"
        strokeLinecap="round"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
});
