import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';

import { Card } from '@/components/entrance/Card';
import css from '@/components/entrance/entrance.module.css';
import { NewPasswordField, TextField } from '@/components/entrance/fields';
import { refusal } from '@/components/entrance/refusal';
import { Note } from '@/components/states/states';
import { ownZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { entered } from '@/services/session';

/** Set up the first owner by the link that is good once. */
export default function SetUp() {
  const { token = '' } = useSearch({ strict: false }) as { token?: string };
  const navigate = useNavigate();
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [refused, refuse] = useState<string | null>(null);
  const [isSending, send] = useState(false);
  const { data: auth } = useQuery({
    queryKey: ['auth'],
    queryFn: () => data(api.GET('/api/auth')),
    refetchOnMount: 'always',
  });
  const setUp = async (event: FormEvent) => {
    event.preventDefault();
    send(true);
    refuse(null);
    try {
      const body = { token, email, password, display_name: name, time_zone: ownZone() };
      entered(await data(api.POST('/api/auth/setup', { body })));
      // The token does not stay in the history.
      await navigate({ to: '/', replace: true });
    } catch (error) {
      refuse(refusal(error));
      send(false);
    }
  };
  if (auth?.is_set_up && !isSending) {
    return (
      <Card title="Thor is set up">
        <p className={css.text}>It has an owner, and this link is good no more.</p>
        <Link to="/login" className="link">
          Log in
        </Link>
      </Card>
    );
  }
  if (!token) {
    return (
      <Card title="Set up Thor">
        <p className={css.text}>
          Open the whole link that <code>thor up</code> prints. This command prints a new one:
        </p>
        <code className={css.code}>thor user setup-link</code>
      </Card>
    );
  }
  return (
    <Card title="Set up Thor">
      <p className={css.text}>
        You become its OWNER. From then on everybody logs in here, and you approve who else may.
      </p>
      <form className={css.form} onSubmit={(event) => void setUp(event)} aria-label="Set up">
        <TextField label="E-mail address" type="email" autoComplete="username" required withAsterisk={false} autoFocus maxLength={254} value={email} onChange={setEmail} />
        <TextField label="Name, as others see it" autoComplete="name" maxLength={80} value={name} onChange={setName} />
        <NewPasswordField label="Password" value={password} onChange={setPassword} />
        {refused !== null && <Note kind="error" title={refused} />}
        <Button type="submit" className={css.send} variant="filled" disabled={isSending}>
          Set up
        </Button>
      </form>
    </Card>
  );
}
