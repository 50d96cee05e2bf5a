import { Modal } from '@mantine/core';

import { useMe } from '@/hooks/useMay';

import css from './entrance.module.css';
import { LoginForm } from './LoginForm';

/** Ask again over the page whose session ended: what was typed into it stays. */
export default function LoginAgain() {
  const me = useMe();
  const isLocal = me?.user_id == null;
  return (
    <Modal
      opened
      onClose={() => undefined}
      closeOnEscape={false}
      closeOnClickOutside={false}
      withCloseButton={false}
      title={isLocal ? 'Thor asks for a login now' : 'Your session has ended'}
      zIndex={1000}
    >
      <p className={css.text}>
        {isLocal
          ? 'An owner was set up. Log in, and go on where you are.'
          : 'Log in again, and go on where you are: what you have typed stays. A change that was just refused is not sent by itself.'}
      </p>
      <LoginForm email={me?.email ?? undefined} />
      {!isLocal && (
        <p className={css.foot}>
          <a href="/login" className="link">
            Log in as somebody else
          </a>
          ; what was typed here is lost then.
        </p>
      )}
    </Modal>
  );
}
