import '@mantine/core/styles/Combobox.css';

import { SegmentedControl, Select, useMantineColorScheme } from '@mantine/core';
import { useMemo, useState } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Failure } from '@/components/states/states';
import { useMe } from '@/hooks/useMay';
import { CHICAGO, ownZone, useZoneChoice } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { ask } from '@/services/session';

import css from './preferences.module.css';

const SCHEMES = [
  { value: 'dark', label: 'Dark' },
  { value: 'light', label: 'Light' },
  { value: 'auto', label: 'As this machine' },
];

/** The zone of all times and the colours, as the viewer likes them. */
export function Preferences() {
  const me = useMe();
  const [zone, setZone] = useZoneChoice();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [error, setError] = useState<unknown>(null);
  const zones = useMemo(
    () => [...new Set([zone, CHICAGO, ownZone(), 'UTC', ...Intl.supportedValuesOf('timeZone')])],
    [zone],
  );
  const isKept = me !== null && me.user_id !== null;
  const choose = async (value: string) => {
    setZone(value);
    setError(null);
    if (!isKept) return;
    try {
      await data(api.PATCH('/api/me', { body: { time_zone: value } }));
      await ask();
    } catch (found) {
      setError(found);
    }
  };
  return (
    <Panel
      title="Times and colours"
      meta={isKept ? 'kept with your account, on every machine' : 'kept in this browser'}
    >
      <div className={css.choices}>
        <Select
          size="xs"
          label="Time zone"
          w={220}
          searchable
          limit={60}
          value={zone}
          onChange={(value) => value && void choose(value)}
          data={zones}
          nothingFoundMessage="No zone of this name."
          allowDeselect={false}
        />
        <div>
          <span className={css.label}>Colours</span>
          <SegmentedControl
            size="xs"
            aria-label="Colours"
            value={colorScheme}
            onChange={(value) => setColorScheme(value as 'dark')}
            data={SCHEMES}
            transitionDuration={0}
            withItemsBorders={false}
          />
        </div>
      </div>
      {error !== null && <Failure title="The account keeps its former zone." error={error} still="These pages show the new one." />}
    </Panel>
  );
}
