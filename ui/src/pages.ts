/** The pages. A page is one folder under `pages` and one line here. */

import type { ComponentType } from 'react';

import type { IconName } from '@/components/Icon';
import type { Role } from '@/services/session';

export interface Page {
  /** Its address, with `$name` for what varies. */
  readonly path: string;
  readonly title: string;
  /** What it asks for; without, everybody who is logged in may open it. */
  readonly role?: Role;
  /** Without the frame, and open to who is not logged in. */
  readonly isBare?: boolean;
  readonly load: () => Promise<{ default: ComponentType }>;
  /** How the navigation shows it; without, it is reached by links only. */
  readonly nav?: {
    readonly icon: IconName;
    /** Where the link leads, for a path with something that varies. */
    readonly to?: string;
    /** Among the five that fit at the foot of a phone. */
    readonly isMain?: boolean;
  };
}

export const pages: readonly Page[] = [
  { path: '/', title: 'Futures', nav: { icon: 'futures', isMain: true }, load: () => import('@/pages/Futures') },
  { path: '/chart/$symbol', title: 'Chart', nav: { icon: 'chart', to: '/chart/ES', isMain: true }, load: () => import('@/pages/Chart') },
  { path: '/trade', title: 'Trade', nav: { icon: 'trade', isMain: true }, load: () => import('@/pages/Trade') },
  { path: '/activity', title: 'Activity', nav: { icon: 'activity' }, load: () => import('@/pages/Activity') },
  { path: '/account', title: 'Account', nav: { icon: 'account' }, load: () => import('@/pages/Account') },
  { path: '/risk', title: 'Risk', nav: { icon: 'risk' }, load: () => import('@/pages/Risk') },
  { path: '/story/$order', title: 'Story of an order', load: () => import('@/pages/Story') },
  { path: '/total', title: 'TOTAL', nav: { icon: 'total' }, load: () => import('@/pages/Total') },
  { path: '/markets', title: 'Global markets', nav: { icon: 'world' }, load: () => import('@/pages/GlobalMarkets') },
  { path: '/market-open', title: 'Market open', nav: { icon: 'open' }, load: () => import('@/pages/MarketOpen') },
  { path: '/models', title: 'Models', nav: { icon: 'models' }, load: () => import('@/pages/Models') },
  { path: '/system', title: 'System', nav: { icon: 'system', isMain: true }, load: () => import('@/pages/System') },
  { path: '/jobs', title: 'Jobs', nav: { icon: 'jobs' }, load: () => import('@/pages/Jobs') },
  { path: '/settings', title: 'Settings', nav: { icon: 'settings', isMain: true }, load: () => import('@/pages/Settings') },
  { path: '/people', title: 'People', role: 'ADMIN', nav: { icon: 'people' }, load: () => import('@/pages/People') },
  { path: '/profile', title: 'Profile', load: () => import('@/pages/Profile') },
  { path: '/login', title: 'Log in', isBare: true, load: () => import('@/pages/Login') },
  { path: '/register', title: 'Register', isBare: true, load: () => import('@/pages/Register') },
  { path: '/setup', title: 'Set up', isBare: true, load: () => import('@/pages/SetUp') },
  { path: '/about', title: 'About', nav: { icon: 'about' }, load: () => import('@/pages/About') },
];
