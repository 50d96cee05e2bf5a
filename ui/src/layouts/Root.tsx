import { Outlet, useMatches } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';

import { useCell } from '@/hooks/useCell';
import { session } from '@/services/session';

import { Frame } from './Frame/Frame';

const Login = lazy(() => import('@/pages/Login'));
const LoginAgain = lazy(() => import('@/components/entrance/LoginAgain'));

/** What stands at every address: its page in the frame, or the login where nobody is logged in. */
export function Root() {
  const state = useCell(session, (now) => now.state);
  const isBare = useMatches({ select: (matches) => matches.at(-1)?.staticData.isBare }) ?? false;
  if (state === 'asking') return null;
  if (isBare || state === 'out') {
    return <Suspense>{isBare ? <Outlet /> : <Login />}</Suspense>;
  }
  return (
    <>
      <Frame />
      {state === 'ended' && (
        <Suspense>
          <LoginAgain />
        </Suspense>
      )}
    </>
  );
}
