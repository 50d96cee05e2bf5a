/** The router over `pages.ts`. */

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  type AnyRoute,
} from '@tanstack/react-router';

import { Broken } from '@/components/states/Broken';
import { NotFound } from '@/components/states/states';
import { Root } from '@/layouts/Root';

import { pages } from './pages';
import type { Role } from './services/session';

const root = createRootRoute({ component: Root, notFoundComponent: NotFound });

const routes: AnyRoute[] = pages.map((page) =>
  createRoute({
    getParentRoute: () => root,
    path: page.path,
    component: lazyRouteComponent(page.load),
    staticData: { title: page.title, isBare: page.isBare ?? false, role: page.role },
  }),
);

// The audit has no page of its own; people look for it by its name.
routes.push(
  createRoute({
    getParentRoute: () => root,
    path: '/audit',
    beforeLoad: () => {
      throw redirect({ to: '/people', hash: 'audit', replace: true });
    },
  }),
);

/** Links stay readable: `?width=5m&zone=Chicago`, every value a text. */
function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

function stringifySearch(search: Record<string, unknown>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== '') parameters.set(name, String(value));
  }
  // Commas and colons are legal in a query, and what people read.
  const text = parameters.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text ? `?${text}` : '';
}

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: 'intent',
  defaultErrorComponent: Broken,
  defaultNotFoundComponent: NotFound,
  parseSearch,
  stringifySearch,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    title?: string;
    isBare?: boolean;
    role?: Role | undefined;
  }
}
