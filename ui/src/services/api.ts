/** The client of Thor's API, typed by its OpenAPI document, and its errors as sentences. */

import createClient, { type Middleware } from 'openapi-fetch';

import type { paths } from '@/types/api';
import type { Problem } from '@/types/domain';

import { serverClock } from './clock';
import { send } from './session';

/** What a request came back with: a problem of the API, or no answer at all. */
export class ApiError extends Error {
  readonly at = serverClock.real();

  constructor(
    /** The HTTP status; 0 without an answer. */
    readonly status: number,
    readonly problem: Problem | null,
  ) {
    super(problem?.detail ?? (status ? `Thor answered with ${status}` : 'Thor did not answer'));
  }
}

const middleware: Middleware = {
  onError: () => new ApiError(0, null),
};

export const api = createClient<paths>({
  baseUrl: typeof location === 'undefined' ? '' : location.origin,
  fetch: send,
});
api.use(middleware);

/** Return the data of an answer; throws `ApiError` for everything else. */
export async function data<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data: found, error, response } = await answer;
  if (error !== undefined || found === undefined) {
    throw new ApiError(response.status, isProblem(error) ? error : null);
  }
  return found;
}

/** Wait for an answer without a body; throws `ApiError` where it was refused. */
export async function done(answer: Promise<{ error?: unknown; response: Response }>): Promise<void> {
  const { error, response } = await answer;
  if (!response.ok) throw new ApiError(response.status, isProblem(error) ? error : null);
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'detail' in value && 'title' in value;
}

/** Return whether a retry may help: not where the request itself is wrong. */
export function mayHelp(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status >= 500;
}
