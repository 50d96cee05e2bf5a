/** What a page or panel shows instead of figures: away, empty, wrong, not there yet. */

import { Button, Skeleton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { ApiError } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { session } from '@/services/session';
import { useZone } from '@/hooks/useZone';

import css from './states.module.css';

interface NoteProps {
  kind?: 'info' | 'warning' | 'error';
  /** What happened, as a sentence. */
  title: ReactNode;
  /** Since when, what still works, what to do. */
  children?: ReactNode;
  actions?: ReactNode;
}

const GLYPHS = { info: '■', warning: '◐', error: '!' };

/** A sentence that has to be seen, in the panel or above the page it concerns. */
export function Note({ kind = 'info', title, children, actions }: NoteProps) {
  return (
    <div className={`${css.note} ${css[kind] ?? ''}`} role={kind === 'error' ? 'alert' : 'status'}>
      <span className={css.glyph} aria-hidden="true">
        {GLYPHS[kind]}
      </span>
      <p>
        <b>{title}</b> {children}
      </p>
      {actions}
    </div>
  );
}

interface FailureProps {
  /** What could not be done: "The bars of ES could not be read." */
  title: string;
  error: unknown;
  /** What still works: "Quotes go on." */
  still?: string;
  onRetry?: () => void;
}

/** A failed request: what, why, what still works, and a button to try again. */
export function Failure({ title, error, still, onRetry }: FailureProps) {
  const zone = useZone();
  return (
    <Note
      kind="error"
      title={title}
      actions={
        onRetry && (
          <Button size="compact-sm" onClick={onRetry}>
            Try again
          </Button>
        )
      }
    >
      {reason(error, zone)} {still}
    </Note>
  );
}

/** Why a request failed, as a sentence that a trader understands. */
export function reason(error: unknown, zone: string): string {
  const at = format.time(error instanceof ApiError ? error.at : serverClock.real(), zone);
  if (!(error instanceof ApiError)) return `This page met an error of its own at ${at}.`;
  if (error.status === 0) return `Thor did not answer at ${at}.`;
  if (error.status === 401 && session.get().state !== 'out') {
    return 'The session had ended, so nothing was changed: log in, then send it again.';
  }
  if (error.status === 503) return `A server behind Thor is away since ${at}: ${sentence(error)}`;
  if (error.status >= 500) return `Thor answered with an error (${error.status}) at ${at}.`;
  return sentence(error);
}

function sentence(error: ApiError): string {
  const text = error.message.trim();
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** Nothing to show: one fact, one next step. */
export function Empty({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className={css.empty}>
      <b>{title}</b>
      {children}
    </div>
  );
}

/** Grey bars of about the final size, after 200 ms only. */
export function Loading({ rows = 3, height = 12 }: { rows?: number; height?: number }) {
  return (
    <div className={css.bars} role="status" aria-label="Reading">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={height} width={`${96 - ((index * 17) % 40)}%`} animate={false} />
      ))}
    </div>
  );
}

/** A page that does not exist. */
export function NotFound() {
  return (
    <Empty title={`There is no page at ${typeof location === 'undefined' ? 'this address' : location.pathname}.`}>
      Go to{' '}
      <Link to="/" className="link">
        the futures
      </Link>
      , or press <kbd>/</kbd> and type a symbol or a page.
    </Empty>
  );
}
