import { Button, CopyButton, Popover } from '@mantine/core';
import { useState } from 'react';

import { coloured, forShell } from '@/services/sql';

import css from './panel.module.css';

export interface SqlProps {
  /** Makes the select at the click, with the filters and the instant that are shown then. */
  statement: () => string;
  /** What it gives: "11 rows". */
  gives?: string;
}

/** The select that gives a panel's figures: shown, and copied for psql or a shell. */
export function Sql({ statement, gives }: SqlProps) {
  const [text, setText] = useState('');
  const [isOpen, open] = useState(false);
  return (
    <Popover
      opened={isOpen}
      onChange={open}
      position="bottom-end"
      offset={6}
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <button
          type="button"
          className={css.sql}
          data-sql
          title="The select that gives these figures in psql (Q)"
          onClick={() => {
            if (!isOpen) setText(statement());
            open(!isOpen);
          }}
        >
          SQL
        </button>
      </Popover.Target>
      <Popover.Dropdown className={css.popover} aria-label="The select of this panel">
        <pre className={css.statement} data-testid="sql" tabIndex={0}>
          {coloured(text).map((part, index) => (
            <span key={index} className={part.isKeyword ? css.keyword : undefined}>
              {part.text}
            </span>
          ))}
        </pre>
        <div className={css.foot}>
          <Copy label="Copy" value={text} />
          <Copy label="Copy for a shell" value={forShell(text)} />
          <span className="spacer" />
          {gives && <span>{gives} · as you see them</span>}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

function Copy({ label, value }: { label: string; value: string }) {
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <Button size="compact-sm" onClick={copy} data-autofocus={label === 'Copy' || undefined}>
          {copied ? 'Copied' : label}
        </Button>
      )}
    </CopyButton>
  );
}
