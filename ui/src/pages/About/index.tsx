import { Panel } from '@/components/panel/Panel';

import css from './About.module.css';

const LIBRARIES = [
  ['React', 'MIT'],
  ['Mantine', 'MIT'],
  ['TanStack Router, Query, Table, Virtual', 'MIT'],
  ['openapi-fetch', 'MIT'],
  ['TradingView Lightweight Charts', 'Apache 2.0'],
] as const;

/** About Thor, and the work of others that it uses. */
export default function About() {
  return (
    <>
      <h1>About</h1>
      <Panel title="Thor">
        <p className={css.text}>
          Thor turns a stream of futures ticks into bars, features, predictions and trades. The
          database is the product: whatever a page shows can be selected in psql under the same
          name. The SQL button of a panel shows and copies the select that gives its figures.
        </p>
        <p className={css.text}>
          The API and its forms are described at{' '}
          <a href="/docs" className="link">
            /docs
          </a>
          . Press <kbd>?</kbd> for the keys that work on a page.
        </p>
      </Panel>
      <Panel title="Charts">
        <p className={css.text}>
          TradingView Lightweight Charts™. Copyright (c) 2025 TradingView, Inc.{' '}
          <a href="https://www.tradingview.com/" className="link" rel="noreferrer">
            https://www.tradingview.com/
          </a>
        </p>
        <p className={css.text}>
          The charts are drawn with this library, under the Apache License, Version 2.0.
        </p>
      </Panel>
      <Panel title="Libraries" meta="of these pages">
        <dl className={css.list}>
          {LIBRARIES.map(([name, licence]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{licence}</dd>
            </div>
          ))}
        </dl>
      </Panel>
    </>
  );
}
