const PATHS = {
  futures: 'M2 3.5h12M2 8h12M2 12.500h12M6.500 3.500v9',
  chart: 'M4.500 2v2.500M4.500 10.500V14M2.500 4.500h4v6h-4zM11.500 1.500v3M11.500 9v4M9.500 4.500h4V9h-4z',
  system: 'M1.500 8.500h3l2-5.500 3 10 2-4.500h3',
  models: 'M3 12.500c2.500 0 3-9 5-9s2.500 9 5 9M1.500 14h13M8 3.500v10.500',
  jobs: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.500V8l2.500 1.500',
  settings: 'M2 4.500h7M12 4.500h2M2 11.500h2M7 11.500h7M10.500 3v3M5.500 10v3',
  trade: 'M3 5h9l-2.500-2.500M13 11H4l2.500 2.500',
  activity: 'M3 3.500h10M3 8h10M3 12.500h6M12 10.500l1.500 2-1.500 2',
  account: 'M2.500 4h11v9h-11zM2.500 7h11M5 10.200h3',
  risk: 'M8 2l5.500 2v4c0 3.200-2.300 5-5.500 6-3.200-1-5.500-2.800-5.500-6V4zM8 5.500v3.500M8 11v.2',
  total: 'M2.500 13.500V9M6.200 13.500V5M9.800 13.500V7.500M13.500 13.500v-11',
  open: 'M1.500 12.500h13M4 12.500a4 4 0 0 1 8 0M8 3v3M2.800 6.300l1.600 1.600M13.200 6.300l-1.600 1.600',
  world: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM2 8h12M8 2c2 1.600 2.800 3.600 2.800 6S10 12.400 8 14M8 2C6 3.600 5.200 5.600 5.200 8S6 12.400 8 14',
  people: 'M6 3a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM1.500 13.500c0-2.800 1.800-4.300 4.500-4.300s4.500 1.500 4.500 4.300M10.800 3.300a2.300 2.300 0 0 1 0 4.500M12 9.500c1.600.5 2.500 1.900 2.500 4',
  person: 'M8 2.500a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM2.500 14c0-3 2.200-4.500 5.500-4.500s5.500 1.500 5.500 4.500',
  about: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 7.500v3.500M8 5v.2',
  search: 'M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.300 10.300l3.200 3.200',
  sun: 'M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600zM8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.9.9M11.700 11.700l.9.9M12.600 3.400l-.9.9M4.300 11.700l-.9.9',
  moon: 'M13 9.500A5.500 5.500 0 0 1 6.500 3a5.500 5.500 0 1 0 6.500 6.500z',
  keyboard: 'M1.500 4h13v8h-13zM4 6.500h.2M6.600 6.500h.2M9.200 6.500h.2M11.800 6.500h.2M4.500 9.500h7',
  fold: 'M2.500 2.500h11v11h-11zM6 2.500v11M11 6L9 8l2 2',
  unfold: 'M2.500 2.500h11v11h-11zM6 2.500v11M9 6l2 2-2 2',
  pin: 'M5.500 2h5M6.500 2v4.500L4.500 9h7l-2-2.500V2M8 9v5',
  down: 'M4 6.500L8 10.500l4-4',
  left: 'M10 3.500L5.500 8l4.500 4.500',
  right: 'M6 3.500L10.500 8 6 12.500',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.500L6.500 12 13 4.500',
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing of 16 px in the colour of the text; its meaning is written beside it. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      style={{ flex: 'none', display: 'block' }}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
