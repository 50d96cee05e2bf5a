import '@mantine/spotlight/styles.css';

import { Spotlight, createSpotlight, type SpotlightActionData } from '@mantine/spotlight';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo } from 'react';

import { Icon } from '@/components/Icon';
import { useInstruments } from '@/hooks/useInstruments';
import { useMe } from '@/hooks/useMay';
import { pages } from '@/pages';
import { may } from '@/services/session';

const [store, spotlight] = createSpotlight();

/** Find a symbol, by its name or an alias too, or a page. Loaded at the first `/`. */
export default function Search({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { instruments } = useInstruments();
  const me = useMe();
  const navigate = useNavigate();
  useEffect(() => {
    if (isOpen) spotlight.open();
  }, [isOpen]);
  const actions = useMemo(
    (): SpotlightActionData[] => [
      ...instruments.map((one) => ({
        id: one.symbol,
        label: one.symbol,
        description: one.name,
        keywords: [...one.aliases, one.exchange],
        onClick: () => void navigate({ to: '/chart/$symbol', params: { symbol: one.symbol } }),
      })),
      ...pages.flatMap(({ path, title, nav, role }) =>
        nav && (role === undefined || may(me, role))
          ? [
              {
                id: path,
                label: title,
                description: 'Page',
                leftSection: <Icon name={nav.icon} />,
                onClick: () => void navigate({ to: nav.to ?? path }),
              },
            ]
          : [],
      ),
    ],
    [instruments, me, navigate],
  );
  return (
    <Spotlight
      store={store}
      actions={actions}
      shortcut={null}
      onSpotlightClose={onClose}
      nothingFound="No symbol and no page of this name."
      highlightQuery
      limit={12}
      transitionProps={{ transition: 'fade', duration: 120 }}
      searchProps={{ placeholder: 'Symbol or page', leftSection: <Icon name="search" /> }}
    />
  );
}
