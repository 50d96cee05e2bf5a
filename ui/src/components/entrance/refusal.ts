import { ApiError } from '@/services/api';

const FIELDS: Record<string, string> = {
  email: 'E-mail address',
  password: 'Password',
  new: 'New password',
  current: 'Present password',
  code: 'Code',
  token: 'Link',
  display_name: 'Name',
  time_zone: 'Time zone',
  name: 'Name',
  scopes: 'Scopes',
  expires_days: 'Days',
};

/** Why a form was refused, as a sentence that names its field as the page does. */
export function refusal(error: unknown): string {
  if (!(error instanceof ApiError)) return 'This page met an error of its own.';
  if (error.status === 0) return 'Thor did not answer: nothing was changed.';
  const text = error.message.trim();
  const named = /^(\w+): (.+)$/s.exec(text);
  const field = named && FIELDS[named[1]!];
  const whole = field ? `${field}: ${named[2]!}` : text;
  return /[.?!]$/.test(whole) ? whole : `${whole}.`;
}
