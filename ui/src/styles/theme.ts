/** Mantine drawn with Thor's tokens: `tokens.css` is the only place for colour, size and time. */

import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** The same token for every shade: Mantine's own palettes are not used. */
function tuple(token: string): MantineColorsTuple {
  return Array.from({ length: 10 }, () => `var(${token})`) as unknown as MantineColorsTuple;
}

export const theme = createTheme({
  fontFamily: 'var(--font)',
  fontFamilyMonospace: 'var(--mono)',
  fontSizes: {
    xs: 'var(--fs-xs)',
    sm: 'var(--fs-sm)',
    md: 'var(--fs-md)',
    lg: 'var(--fs-lg)',
    xl: 'var(--fs-xl)',
  },
  spacing: {
    xs: 'var(--s-1)',
    sm: 'var(--s-2)',
    md: 'var(--s-3)',
    lg: 'var(--s-4)',
    xl: 'var(--s-5)',
  },
  radius: {
    xs: 'var(--r-sm)',
    sm: 'var(--r-sm)',
    md: 'var(--r-md)',
    lg: 'var(--r-lg)',
    xl: 'var(--r-full)',
  },
  defaultRadius: 'md',
  // Mantine counts breakpoints in em of 16 px.
  breakpoints: { xs: '22.5em', sm: '43.8125em', md: '64em', lg: '100em', xl: '137.5em' },
  colors: { accent: tuple('--accent') },
  primaryColor: 'accent',
  respectReducedMotion: true,
  components: {
    Popover: { defaultProps: { transitionProps: { transition: 'fade', duration: 120 } } },
    Menu: { defaultProps: { transitionProps: { transition: 'fade', duration: 120 } } },
    Modal: { defaultProps: { transitionProps: { transition: 'fade', duration: 120 } } },
    Button: { defaultProps: { variant: 'default', size: 'compact-md' } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
  },
});

const both = {
  '--mantine-color-body': 'var(--bg)',
  '--mantine-color-text': 'var(--text)',
  '--mantine-color-dimmed': 'var(--text-2)',
  '--mantine-color-placeholder': 'var(--text-3)',
  '--mantine-color-anchor': 'var(--accent)',
  '--mantine-color-error': 'var(--danger)',
  '--mantine-color-default': 'var(--surface-2)',
  '--mantine-color-default-hover': 'var(--surface-3)',
  '--mantine-color-default-color': 'var(--text)',
  '--mantine-color-default-border': 'var(--line-strong)',
  '--mantine-color-disabled': 'var(--surface-3)',
  '--mantine-color-disabled-color': 'var(--text-3)',
  '--mantine-color-gray-light-color': 'var(--text-2)',
  '--mantine-color-gray-light-hover': 'var(--surface-3)',
  '--mantine-primary-color-filled': 'var(--accent)',
  '--mantine-primary-color-contrast': 'var(--on-accent)',
  '--mantine-line-height': 'var(--lh)',
};

/** Mantine's fields and lists name these shades of its own. */
const fields = {
  '--mantine-color-dark-4': 'var(--line-strong)',
  '--mantine-color-dark-5': 'var(--surface-3)',
  '--mantine-color-dark-6': 'var(--surface-2)',
  '--mantine-color-gray-4': 'var(--line-strong)',
};

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: { ...both, ...fields },
  dark: { ...both, ...fields },
});
