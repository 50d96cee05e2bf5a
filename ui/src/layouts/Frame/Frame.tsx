import { AppShell, useMantineColorScheme } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Link, Outlet, useMatches } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';

import { Icon } from '@/components/Icon';
import { pressSql } from '@/components/panel/Panel';
import { Empty } from '@/components/states/states';
import { useInstruments } from '@/hooks/useInstruments';
import { useMe } from '@/hooks/useMay';
import { useKeyboard, useShortcuts } from '@/hooks/useShortcuts';
import { isBoolean, useStored } from '@/hooks/useStored';
import { pages } from '@/pages';
import { may } from '@/services/session';

import { Account } from './Account';
import { Clock, ConnectionPill, NaturePill } from './Pills';
import css from './Frame.module.css';
import { Keys } from './Keys';
import { Notices } from './Notices';
import { Ribbon } from './Ribbon';

const Search = lazy(() => import('./Search'));
const Balance = lazy(() => import('./Balance'));
const Latched = lazy(() => import('./Latched'));

/** The frame around every page: name, nature, connection, navigation, ribbon. */
export function Frame() {
  const { toggleColorScheme, colorScheme } = useMantineColorScheme();
  const isWide = useMediaQuery('(min-width: 1600px)', window.innerWidth >= 1600) ?? false;
  const [isUnfolded, unfold] = useStored(isWide ? 'nav.wide' : 'nav', isWide, isBoolean);
  const [search, setSearch] = useState<'never' | 'open' | 'closed'>('never');
  const [areKeysShown, showKeys] = useState(false);
  const title = useMatches({ select: (matches) => matches.at(-1)?.staticData.title });

  // The ribbon and every page need the instruments.
  useInstruments();
  useKeyboard();
  useShortcuts([
    { keys: ['/'], label: 'Find a symbol or a page', run: () => setSearch('open') },
    { keys: ['q'], label: 'SQL of the panel', run: pressSql },
    { keys: ['?'], label: 'This list', run: () => showKeys(true) },
  ]);
  useEffect(() => {
    document.title = title ? `Thor · ${title}` : 'Thor';
  }, [title]);

  return (
    <AppShell
      header={{ height: 44 }}
      footer={{ height: { base: 80, sm: 28 } }}
      navbar={{
        width: isUnfolded ? 168 : 56,
        breakpoint: 'sm',
        collapsed: { mobile: true },
      }}
      padding={{ base: 8, sm: 12 }}
      transitionDuration={0}
      withBorder={false}
    >
      <a href="#main" className={css.skip}>
        Skip to the page
      </a>
      <AppShell.Header className={css.header}>
        <Link to="/" className={css.name}>
          Thor
        </Link>
        <NaturePill />
        <button type="button" className={`${css.find} wide`} aria-label="Symbol or page" onClick={() => setSearch('open')}>
          <Icon name="search" />
          <span className={css.words}>Symbol or page</span>
          <span className="spacer" />
          <kbd>/</kbd>
        </button>
        <span className="spacer" />
        <ConnectionPill />
        <Clock />
        <Suspense>
          <Balance />
        </Suspense>
        <button
          type="button"
          className={`${css.icon} wide`}
          aria-label="Keyboard"
          title="Keyboard (?)"
          onClick={() => showKeys(true)}
        >
          <Icon name="keyboard" />
        </button>
        <button
          type="button"
          className={`${css.icon} narrow`}
          aria-label="Find a symbol or a page"
          onClick={() => setSearch('open')}
        >
          <Icon name="search" />
        </button>
        <button
          type="button"
          className={css.icon}
          aria-label={colorScheme === 'dark' ? 'Light colours' : 'Dark colours'}
          title={colorScheme === 'dark' ? 'Light colours' : 'Dark colours'}
          onClick={() => toggleColorScheme()}
        >
          <Icon name={colorScheme === 'dark' ? 'sun' : 'moon'} />
        </button>
        <Account />
      </AppShell.Header>
      <AppShell.Navbar
        className={`${css.rail} ${isUnfolded ? css.open : ''}`}
        component="nav"
        aria-label="Pages"
      >
        <PageLinks />
        <span className="spacer" />
        <button
          type="button"
          className={css.icon}
          style={{ alignSelf: 'center' }}
          aria-label={isUnfolded ? 'Fold the navigation' : 'Open the navigation'}
          onClick={() => unfold(!isUnfolded)}
        >
          <Icon name={isUnfolded ? 'fold' : 'unfold'} />
        </button>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: 'none' }}>
        <div className={css.main}>
          <Notices />
          <Suspense>
            <Latched />
          </Suspense>
          <Suspense>
            <Allowed>
              <Outlet />
            </Allowed>
          </Suspense>
        </div>
      </AppShell.Main>
      <AppShell.Footer className={css.footer}>
        <Ribbon />
        <nav className={`${css.bottom} narrow`} aria-label="Pages">
          <PageLinks isMainOnly />
        </nav>
      </AppShell.Footer>
      {search !== 'never' && (
        <Suspense>
          <Search isOpen={search === 'open'} onClose={() => setSearch('closed')} />
        </Suspense>
      )}
      <Keys isOpen={areKeysShown} onClose={() => showKeys(false)} />
    </AppShell>
  );
}

/** The page, for who may see it. */
function Allowed({ children }: { children: ReactNode }) {
  const me = useMe();
  const role = useMatches({ select: (matches) => matches.at(-1)?.staticData.role });
  if (role === undefined || me === null || may(me, role)) return children;
  return (
    <Empty title={`This page is for the role ${role}.`}>
      {me.name} has the role {me.role}: an ADMIN can change it.
    </Empty>
  );
}

function PageLinks({ isMainOnly }: { isMainOnly?: boolean }) {
  const me = useMe();
  return pages.map(
    ({ path, title, nav, role }) =>
      nav &&
      (role === undefined || may(me, role)) &&
      (!isMainOnly || nav.isMain) && (
        <Link
          key={path}
          to={nav.to ?? path}
          className={css.page}
          activeOptions={{ exact: path === '/', includeSearch: false }}
        >
          <Icon name={nav.icon} />
          {title}
        </Link>
      ),
  );
}
