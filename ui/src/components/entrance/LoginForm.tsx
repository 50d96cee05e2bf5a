import { Button } from '@mantine/core';
import { useState, type FormEvent } from 'react';

import { Note } from '@/components/states/states';
import { api, ApiError, data } from '@/services/api';
import { entered } from '@/services/session';

import css from './entrance.module.css';
import { CodeField, PasswordField, TextField } from './fields';
import { refusal } from './refusal';

interface LoginFormProps {
  /** Whose session ended: nobody else's form is continued. */
  email?: string | undefined;
  onEntered?: () => void;
}

/** Log in by address and password, and by a code where the account asks for one. */
export function LoginForm({ email: known, onEntered }: LoginFormProps) {
  const [email, setEmail] = useState(known ?? '');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [isCodeNeeded, needCode] = useState(false);
  const [refused, refuse] = useState<string | null>(null);
  const [isSending, send] = useState(false);
  const logIn = async (event: FormEvent) => {
    event.preventDefault();
    send(true);
    refuse(null);
    try {
      const body = { email, password, ...(isCodeNeeded ? { code: code.replaceAll(' ', '') } : {}) };
      const me = await data(api.POST('/api/auth/login', { body }));
      entered(me);
      onEntered?.();
      return;
    } catch (error) {
      const type = error instanceof ApiError ? error.problem?.type : undefined;
      if (type === 'urn:thor:problem:code-needed') needCode(true);
      else refuse(refusal(error));
    }
    send(false);
  };
  return (
    <form className={css.form} onSubmit={(event) => void logIn(event)} aria-label="Log in">
      <TextField
        label="E-mail address"
        type="email"
        autoComplete="username"
        required
        withAsterisk={false}
        readOnly={known !== undefined}
        autoFocus={known === undefined}
        maxLength={254}
        value={email}
        onChange={setEmail}
      />
      <PasswordField
        label="Password"
        autoComplete="current-password"
        maxLength={1000}
        data-autofocus={known !== undefined || undefined}
        value={password}
        onChange={setPassword}
      />
      {isCodeNeeded && <CodeField autoFocus value={code} onChange={setCode} />}
      {refused !== null && <Note kind="error" title={refused} />}
      <Button type="submit" className={css.send} variant="filled" disabled={isSending}>
        Log in
      </Button>
    </form>
  );
}
