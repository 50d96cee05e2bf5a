import { Button } from '@mantine/core';
import { useState, type FormEvent } from 'react';

import { TextField } from '@/components/entrance/fields';
import { refusal } from '@/components/entrance/refusal';
import { Preferences } from '@/components/Preferences';
import { Panel } from '@/components/panel/Panel';
import { Note } from '@/components/states/states';
import { useMe } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { ask, type Me } from '@/services/session';

import { KeysOfPrograms } from './KeysOfPrograms';
import { Password } from './Password';
import css from './Profile.module.css';
import { SecondFactor } from './SecondFactor';
import { Sessions } from './Sessions';

/** One's own account: name, zone, colours, password, second factor, sessions, keys of programs. */
export default function Profile() {
  const me = useMe();
  const zone = useZone();
  if (me === null) return null;
  if (me.user_id === null) {
    return (
      <>
        <h1>Profile</h1>
        <Note title={`Nobody logs in here: who reaches this machine acts as ${me.name}, in the role ${me.role}.`}>
          <code>thor user setup-link</code> prints the link that sets up the first owner; from then on
          everybody logs in.
        </Note>
        <Preferences />
      </>
    );
  }
  return (
    <>
      <h1>Profile</h1>
      <div className={css.columns}>
        <Name me={me} />
        <Preferences />
        <Password email={me.email ?? ''} />
        <SecondFactor me={me} />
      </div>
      <Sessions zone={zone} />
      <KeysOfPrograms zone={zone} role={me.role} />
    </>
  );
}

function Name({ me }: { me: Me }) {
  const [name, setName] = useState(me.display_name);
  const [refused, refuse] = useState<string | null>(null);
  const [isSending, send] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    send(true);
    refuse(null);
    try {
      const now = await data(api.PATCH('/api/me', { body: { display_name: name.trim() } }));
      setName(now.display_name);
      await ask();
    } catch (error) {
      refuse(refusal(error));
    }
    send(false);
  };
  return (
    <Panel title="Account">
      <dl className={css.facts}>
        <dt>E-mail address</dt>
        <dd>{me.email}</dd>
        <dt>Role</dt>
        <dd>
          {me.role}, {MEANINGS[me.role] ?? ''}
        </dd>
      </dl>
      <form className={css.line} onSubmit={(event) => void save(event)} aria-label="Name">
        <TextField size="xs" label="Name, as others see it" autoComplete="name" maxLength={80} value={name} onChange={setName} />
        <Button type="submit" size="compact-md" disabled={isSending || name.trim() === me.display_name}>
          Save
        </Button>
      </form>
      {refused !== null && <Note kind="error" title={refused} />}
    </Panel>
  );
}

const MEANINGS: Record<string, string> = {
  VIEWER: 'who may look at everything and change nothing',
  TRADER: 'who may change the desk’s numbers and trade',
  ADMIN: 'who may approve people and run jobs, too',
  OWNER: 'who may do everything',
};
