// What Mantine asks of a browser and happy-dom answers only in part.
import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

afterEach(cleanup);
