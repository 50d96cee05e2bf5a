import '@mantine/core/styles/PasswordInput.css';

import { PasswordInput, TextInput, type PasswordInputProps, type TextInputProps } from '@mantine/core';

import css from './entrance.module.css';

export type Change = (value: string) => void;
type Text = Omit<TextInputProps, 'onChange' | 'value'> & { value: string; onChange: Change };
type Secret = Omit<PasswordInputProps, 'onChange' | 'value'> & { value: string; onChange: Change };

/** A line of text. */
export function TextField({ onChange, ...rest }: Text) {
  return <TextInput size="sm" className={css.field} {...rest} onChange={(event) => onChange(event.currentTarget.value)} />;
}

/** A password, which its owner may look at. */
export function PasswordField({ onChange, ...rest }: Secret) {
  return (
    <PasswordInput
      size="sm"
      required
      withAsterisk={false}
      className={css.field}
      visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
      {...rest}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

/** A password that is to be set, with what makes a good one. */
export function NewPasswordField(props: Secret) {
  return (
    <PasswordField
      autoComplete="new-password"
      minLength={10}
      maxLength={128}
      description="10 characters or more. Four unusual words are easy to keep in mind and hard to guess."
      {...props}
    />
  );
}

/** The code of a second factor. */
export function CodeField(props: Omit<Text, 'label'>) {
  return (
    <TextField
      label="Code of your authenticator"
      required
      withAsterisk={false}
      inputMode="numeric"
      autoComplete="one-time-code"
      maxLength={10}
      placeholder="123456"
      {...props}
    />
  );
}
