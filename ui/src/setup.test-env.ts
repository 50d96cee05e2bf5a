// Browser features that Mantine needs and happy-dom has only in part.
import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

afterEach(cleanup);
