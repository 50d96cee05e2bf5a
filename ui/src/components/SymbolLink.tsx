import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

/** A symbol anywhere leads to its chart. */
export function SymbolLink({ symbol, children }: { symbol: string; children?: ReactNode }) {
  return (
    <Link to="/chart/$symbol" params={{ symbol }} className="strong" tabIndex={0}>
      {children ?? symbol}
    </Link>
  );
}
