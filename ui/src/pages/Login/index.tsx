import { useQuery } from '@tanstack/react-query';
import { Link, useLocation, useNavigate } from '@tanstack/react-router';

import { Card } from '@/components/entrance/Card';
import css from '@/components/entrance/entrance.module.css';
import { LoginForm } from '@/components/entrance/LoginForm';
import { Failure } from '@/components/states/states';
import { useCell } from '@/hooks/useCell';
import { api, data } from '@/services/api';
import { session } from '@/services/session';

/** Log in: stands at every address where nobody is logged in, and goes on there. */
export default function Login() {
  const { state, me } = useCell(session);
  const navigate = useNavigate();
  const path = useLocation({ select: (location) => location.pathname });
  const { data: auth, error, refetch } = useQuery({
    queryKey: ['auth'],
    queryFn: () => data(api.GET('/api/auth')),
    refetchOnMount: 'always',
  });
  const goOn = () => {
    if (path === '/login') void navigate({ to: '/' });
  };
  if (state === 'open' && me !== null) {
    return (
      <Card title="Log in">
        <p className={css.text}>
          {me.user_id === null ? 'Nobody logs in here.' : `You are logged in as ${me.name}.`}{' '}
          <Link to="/" className="link">
            Go to the futures
          </Link>
        </p>
      </Card>
    );
  }
  if (error && !auth) {
    return (
      <Card title="Log in">
        <Failure title="Nobody can log in now." error={error} onRetry={() => void refetch()} />
      </Card>
    );
  }
  if (auth && !auth.is_set_up) return <NotSetUp />;
  return (
    <Card title="Log in">
      <LoginForm onEntered={goOn} />
      <p className={css.foot}>
        No account yet?{' '}
        <Link to="/register" className="link">
          Register
        </Link>
      </p>
    </Card>
  );
}

function NotSetUp() {
  return (
    <Card title="Thor has no owner yet">
      <p className={css.text}>
        Its first owner is set up by a link that is good once. <code>thor up</code> prints it; so does
        this command, on the machine that Thor runs on:
      </p>
      <code className={css.code}>thor user setup-link</code>
    </Card>
  );
}
