import { Button } from '@mantine/core';
import { useMemo, useState, type FormEvent } from 'react';
import { encode } from 'uqr';

import { CodeField, PasswordField } from '@/components/entrance/fields';
import { refusal } from '@/components/entrance/refusal';
import { Panel } from '@/components/panel/Panel';
import { Note } from '@/components/states/states';
import { api, data } from '@/services/api';
import { ask, type Me } from '@/services/session';

import css from './Profile.module.css';

interface Offer {
  readonly secret: string;
  readonly uri: string;
}

/** Turn a second factor on or off: a code of an authenticator at each login. */
export function SecondFactor({ me }: { me: Me }) {
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [offer, setOffer] = useState<Offer | null>(null);
  const [refused, refuse] = useState<string | null>(null);
  const [isSending, send] = useState(false);
  const act = async (event: FormEvent, work: () => Promise<void>) => {
    event.preventDefault();
    send(true);
    refuse(null);
    try {
      await work();
    } catch (error) {
      refuse(refusal(error));
    }
    send(false);
  };
  const begin = async () => {
    setOffer(await data(api.POST('/api/me/totp', { body: { password } })));
    setPassword('');
  };
  const confirm = async () => {
    await data(api.POST('/api/me/totp/confirm', { body: { code: code.replaceAll(' ', '') } }));
    await ask();
    setOffer(null);
    setCode('');
  };
  const drop = async () => {
    await data(api.POST('/api/me/totp/off', { body: { password } }));
    await ask();
    setPassword('');
  };
  const failure = refused !== null && <Note kind="error" title={refused} />;
  return (
    <Panel title="Second factor" meta={me.has_totp ? 'on: each login asks for a code' : 'off'}>
      {offer ? (
        <form className={css.stack} onSubmit={(event) => void act(event, confirm)} aria-label="Second factor">
          <p className="muted">Scan this with an authenticator, or type the secret. It is shown this once.</p>
          <Picture text={offer.uri} />
          <div className={`${css.secret} ${css.wide}`}>
            <code data-testid="totp-secret">{offer.secret}</code>
          </div>
          <CodeField size="xs" autoFocus value={code} onChange={setCode} />
          {failure}
          <div className={css.line}>
            <Button type="submit" disabled={isSending || !code.trim()}>
              Turn it on
            </Button>
            <Button onClick={() => setOffer(null)}>Cancel</Button>
          </div>
        </form>
      ) : (
        <form className={css.stack} onSubmit={(event) => void act(event, me.has_totp ? drop : begin)} aria-label="Second factor">
          <p className="muted">
            {me.has_totp
              ? 'A stolen password alone opens nothing. To take the second factor away, give the password.'
              : 'With a second factor, a stolen password alone opens nothing. It needs an authenticator on a phone.'}
          </p>
          <PasswordField size="xs" label="Password" autoComplete="current-password" maxLength={1000} value={password} onChange={setPassword} />
          {failure}
          <Button type="submit" disabled={isSending || !password}>
            {me.has_totp ? 'Turn it off' : 'Set it up'}
          </Button>
        </form>
      )}
    </Panel>
  );
}

/** A text as a QR code, dark on light in both schemes: cameras want it so. */
function Picture({ text }: { text: string }) {
  const { path, size } = useMemo(() => {
    const { data: rows, size: width } = encode(text, { ecc: 'M', border: 3 });
    const dark = rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
    return { path: dark.join(''), size: width };
  }, [text]);
  return (
    <svg className={css.picture} viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of the secret" shapeRendering="crispEdges">
      <path d={path} fill="#000" />
    </svg>
  );
}
