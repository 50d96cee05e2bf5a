import css from './graphics.module.css';

interface ScaleBarProps {
  value: number | null;
  /** Both ends of the scale, which is even around 0. */
  end: number;
  /** Where something changes: thresholds. */
  marks?: readonly number[];
  label: string;
}

/** A number on a scale around 0: filled from the middle, a white mark where it stands. */
export function ScaleBar({ value, end, marks = [], label }: ScaleBarProps) {
  const at = (one: number) => Math.min(100, Math.max(0, (50 * (one + end)) / end));
  return (
    <span className={css.scaleBar} role="img" aria-label={label}>
      {marks.map((one) => (
        <span key={one} className={css.scaleMark} style={{ left: `${at(one)}%` }} />
      ))}
      {value !== null && (
        <>
          <span
            className={`${css.scaleFill} tinted`}
            data-way={value >= 0 ? 'up' : 'down'}
            style={{ left: `${Math.min(50, at(value))}%`, width: `${Math.abs(at(value) - 50)}%` }}
          />
          <span className={`${css.last} ${css.scaleAt} tinted`} style={{ left: `${at(value)}%` }} />
        </>
      )}
    </span>
  );
}
