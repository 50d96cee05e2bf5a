import { useId, type ReactNode } from 'react';

import css from './panel.module.css';
import { Sql, type SqlProps } from './Sql';

interface PanelProps {
  title: ReactNode;
  /** What its figures rest on: the basis, the order, how old. */
  meta?: ReactNode;
  /** Controls of this panel. */
  actions?: ReactNode;
  /** The select that gives its figures: every panel with figures has one. */
  sql?: SqlProps;
  /** Without the 12 px inside: for tables and charts. */
  isFlush?: boolean;
  className?: string;
  /** Its part of the address, after the #. */
  anchor?: string;
  children: ReactNode;
}

/** A framed part of a page, with its title, what it rests on, and its SQL. */
export function Panel({ title, meta, actions, sql, isFlush, className, anchor, children }: PanelProps) {
  const id = useId();
  return (
    <section className={`${css.panel} ${className ?? ''}`} aria-labelledby={id} id={anchor} data-panel>
      <header className={css.head}>
        <h2 id={id}>{title}</h2>
        {meta && <span className={css.meta}>{meta}</span>}
        <span className="spacer" />
        {actions}
        {sql && <Sql {...sql} />}
      </header>
      <div className={isFlush ? undefined : css.body}>{children}</div>
    </section>
  );
}

/**
 * Press the SQL button of the panel with the focus, else under the pointer, else the first that
 * is not beside the page's own.
 */
export function pressSql(): void {
  const panel =
    document.activeElement?.closest('[data-panel]') ??
    document.querySelector('[data-panel]:hover') ??
    document.querySelector('[data-panel]:not([data-aside]):has([data-sql])');
  panel?.querySelector<HTMLButtonElement>('[data-sql]')?.click();
}
