import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';

import { Card } from '@/components/entrance/Card';
import css from '@/components/entrance/entrance.module.css';
import { NewPasswordField, TextField } from '@/components/entrance/fields';
import { refusal } from '@/components/entrance/refusal';
import { Note } from '@/components/states/states';
import { ownZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';

/** Ask for an account, which an ADMIN approves. */
export default function Register() {
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [refused, refuse] = useState<string | null>(null);
  const [isSending, send] = useState(false);
  const [isAsked, ask] = useState(false);
  const register = async (event: FormEvent) => {
    event.preventDefault();
    send(true);
    refuse(null);
    try {
      const body = { email, password, display_name: name, time_zone: ownZone() };
      await data(api.POST('/api/auth/register', { body }));
      ask(true);
    } catch (error) {
      refuse(refusal(error));
    }
    send(false);
  };
  if (isAsked) {
    return (
      <Card title="Waiting for approval">
        <p className={css.text}>
          An ADMIN has to approve the account of <b>{email}</b>. Until then nobody can log in with it.
        </p>
        <Link to="/login" className="link">
          Go to the login
        </Link>
      </Card>
    );
  }
  return (
    <Card title="Register">
      <form className={css.form} onSubmit={(event) => void register(event)} aria-label="Register">
        <TextField label="E-mail address" type="email" autoComplete="username" required withAsterisk={false} autoFocus maxLength={254} value={email} onChange={setEmail} />
        <TextField label="Name, as others see it" autoComplete="name" maxLength={80} value={name} onChange={setName} />
        <NewPasswordField label="Password" value={password} onChange={setPassword} />
        {refused !== null && <Note kind="error" title={refused} />}
        <Button type="submit" className={css.send} variant="filled" disabled={isSending}>
          Register
        </Button>
      </form>
      <p className={css.foot}>
        An ADMIN approves each account.{' '}
        <Link to="/login" className="link">
          Log in
        </Link>
      </p>
    </Card>
  );
}
