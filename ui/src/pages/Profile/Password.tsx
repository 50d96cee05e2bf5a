import { Button } from '@mantine/core';
import { useState, type FormEvent } from 'react';

import { NewPasswordField, PasswordField } from '@/components/entrance/fields';
import { refusal } from '@/components/entrance/refusal';
import { Panel } from '@/components/panel/Panel';
import { Note } from '@/components/states/states';
import { api, done } from '@/services/api';
import { queryClient } from '@/services/queries';

import css from './Profile.module.css';

/** Set another password, which ends all other sessions. */
export function Password({ email }: { email: string }) {
  const [current, setCurrent] = useState('');
  const [fresh, setFresh] = useState('');
  const [refused, refuse] = useState<string | null>(null);
  const [isDone, finish] = useState(false);
  const [isSending, send] = useState(false);
  const change = async (event: FormEvent) => {
    event.preventDefault();
    send(true);
    refuse(null);
    finish(false);
    try {
      await done(api.POST('/api/auth/password', { body: { current, new: fresh } }));
      setCurrent('');
      setFresh('');
      finish(true);
      await queryClient.invalidateQueries({ queryKey: ['me'] });
    } catch (error) {
      refuse(refusal(error));
    }
    send(false);
  };
  return (
    <Panel title="Password" meta="a new one ends all other sessions">
      <form className={css.stack} onSubmit={(event) => void change(event)} aria-label="Password">
        {/* A keeper of passwords learns whose it is. */}
        <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
        <PasswordField size="xs" label="Present password" autoComplete="current-password" maxLength={1000} value={current} onChange={setCurrent} />
        <NewPasswordField size="xs" label="New password" value={fresh} onChange={setFresh} />
        {refused !== null && <Note kind="error" title={refused} />}
        {isDone && <Note title="The password is changed.">All other sessions have ended.</Note>}
        <Button type="submit" disabled={isSending || !current || !fresh}>
          Change the password
        </Button>
      </form>
    </Panel>
  );
}
