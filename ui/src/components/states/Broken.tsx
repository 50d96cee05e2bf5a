import { Button } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';

import { Failure } from './states';

/** Shown where a page failed: the frame around it, its ribbon and the stream continue. */
export function Broken({ error, reset }: ErrorComponentProps) {
  const text = error instanceof Error ? error.message : String(error);
  const isOutdated = /dynamically imported module|Importing a module/.test(text);
  if (isOutdated) {
    return (
      <Failure title="This page could not be loaded." error={error} still="Thor may have been renewed: load it again." onRetry={() => location.reload()} />
    );
  }
  return (
    <>
      <Failure
        title="This page cannot be drawn."
        error={error}
        still="The other pages and the ribbon go on."
        onRetry={reset}
      />
      <pre className="dim small">{text}</pre>
      <Button component="a" href="/">
        Open Futures
      </Button>
    </>
  );
}
