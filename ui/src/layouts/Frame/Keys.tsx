import { Modal } from '@mantine/core';

import { shortcuts } from '@/hooks/useShortcuts';
import { useCell } from '@/hooks/useCell';

import css from './Frame.module.css';

const NAMES: Record<string, string> = {
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
};

/** The keys that work on this page. */
export function Keys({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const found = useCell(shortcuts);
  return (
    <Modal opened={isOpen} onClose={onClose} title="Keyboard" closeButtonProps={{ 'aria-label': 'Close' }}>
      <dl className={css.keys}>
        {found.map((one) => (
          <Key key={one.label} keys={one.keys} label={one.label} />
        ))}
        <Key keys={['Esc']} label="Close what is open" />
      </dl>
    </Modal>
  );
}

function Key({ keys, label }: { keys: readonly string[]; label: string }) {
  return (
    <>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key)}</kbd>
        ))}
      </dt>
      <dd>{label}</dd>
    </>
  );
}
