import { useEffect, type ReactNode } from 'react';

import css from './entrance.module.css';

/** A page before the frame: one form, or one fact. */
export function Card({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `Thor · ${title}`;
  }, [title]);
  return (
    <main className={css.entrance}>
      <section className={css.card} aria-label={title}>
        <span className={css.name}>Thor</span>
        <h1>{title}</h1>
        {children}
      </section>
    </main>
  );
}
