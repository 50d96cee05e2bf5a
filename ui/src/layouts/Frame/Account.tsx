import { Menu } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { Icon } from '@/components/Icon';
import { useMay, useMe } from '@/hooks/useMay';
import { api, done } from '@/services/api';
import { left } from '@/services/session';

import css from './Frame.module.css';

/** Who acts here, and the way out. */
export function Account() {
  const me = useMe();
  const isAdmin = useMay('ADMIN');
  const navigate = useNavigate();
  const [isRefused, refuse] = useState(false);
  if (me === null) return null;
  const isLocal = me.user_id === null;
  const name = me.display_name || me.name;
  const logOut = async (everywhere: boolean) => {
    refuse(false);
    try {
      await done(api.POST('/api/auth/logout', { params: { query: { everywhere } } }));
      left();
    } catch {
      refuse(true);
    }
  };
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <button
          type="button"
          className={css.account}
          aria-label={`Account: ${name} ${me.role}`}
          title={isLocal ? 'Nobody logs in here' : `${me.name}, ${me.role}`}
          data-testid="account"
        >
          <Icon name="person" />
          <span className={`${css.who} wide`}>{name}</span>
          {!isLocal && <small className={`${css.role} wide muted`}> {me.role}</small>}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={css.whole}>
          <b>{name}</b>
          {isLocal ? (
            <span>Nobody logs in here: who reaches this machine is {me.role}.</span>
          ) : (
            <span>
              {name === me.name ? '' : `${me.name}, `}
              {me.role}
            </span>
          )}
          {isRefused && <span role="alert">Thor did not answer: you are still logged in.</span>}
        </div>
        <Menu.Divider />
        <Menu.Item onClick={() => void navigate({ to: '/profile' })}>Profile</Menu.Item>
        {isAdmin && <Menu.Item onClick={() => void navigate({ to: '/people' })}>People</Menu.Item>}
        {!isLocal && (
          <>
            <Menu.Divider />
            <Menu.Item closeMenuOnClick={false} onClick={() => void logOut(false)}>
              Log out
            </Menu.Item>
            <Menu.Item closeMenuOnClick={false} onClick={() => void logOut(true)}>
              Log out everywhere
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
