import { Button, Checkbox, Menu, Popover, TextInput } from '@mantine/core';
import { useState } from 'react';

import { Icon } from '@/components/Icon';

import { COLUMNS } from './columns';
import css from './Futures.module.css';
import { DESK, type Layouts } from './layouts';

/** Choose a named layout, keep the present one under a name, or let one go. */
export function LayoutMenu({ layouts }: { layouts: Layouts }) {
  const [name, setName] = useState('');
  const save = () => {
    layouts.saveAs(name.trim());
    setName('');
  };
  return (
    <Menu position="bottom-end" closeOnItemClick={false}>
      <Menu.Target>
        <Button rightSection={<Icon name="down" size={12} />}>
          Layout: {layouts.name}
          {layouts.isChanged && ' *'}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {layouts.names.map((one) => (
          <Menu.Item
            key={one}
            onClick={() => layouts.choose(one)}
            leftSection={one === layouts.name ? <Icon name="check" size={12} /> : <span style={{ width: 12 }} />}
          >
            {one}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <form
          className={css.save}
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
        >
          <TextInput
            size="xs"
            aria-label="Name of the layout"
            placeholder="Keep as"
            value={name}
            maxLength={40}
            onChange={(event) => setName(event.currentTarget.value)}
            error={name.trim() === DESK && 'Desk stays as it is: take another name.'}
          />
          <Button type="submit" size="compact-sm" disabled={!name.trim() || name.trim() === DESK}>
            Keep
          </Button>
        </form>
        {layouts.name !== DESK && (
          <Menu.Item onClick={() => layouts.remove(layouts.name)}>Delete {layouts.name}</Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

interface ColumnMenuProps {
  layouts: Layouts;
  shown: readonly string[];
  order: readonly string[];
}

/** Choose columns and their order. */
export function ColumnMenu({ layouts, shown, order }: ColumnMenuProps) {
  const { columns } = layouts.current;
  const move = (id: string, by: -1 | 1) => {
    const moved = [...order];
    const at = moved.indexOf(id);
    const to = at + by;
    if (to < 0 || to >= moved.length) return;
    [moved[at], moved[to]] = [moved[to]!, moved[at]!];
    layouts.change({ order: moved });
  };
  return (
    <Popover position="bottom-end" trapFocus>
      <Popover.Target>
        <Button rightSection={<Icon name="down" size={12} />}>Columns</Button>
      </Popover.Target>
      <Popover.Dropdown className={css.chooser} aria-label="Columns">
        {order.map((id) => {
          const column = COLUMNS.find((one) => one.id === id);
          if (!column) return null;
          const label = column.description ?? column.title;
          return (
            <div key={id} className={css.choice}>
              <Checkbox
                size="xs"
                label={label}
                checked={shown.includes(id)}
                onChange={(event) =>
                  layouts.change({ columns: { ...columns, [id]: event.currentTarget.checked } })
                }
              />
              <span className="spacer" />
              <button type="button" className={css.move} aria-label={`${label}: to the left`} onClick={() => move(id, -1)}>
                <Icon name="left" size={12} />
              </button>
              <button type="button" className={css.move} aria-label={`${label}: to the right`} onClick={() => move(id, 1)}>
                <Icon name="right" size={12} />
              </button>
            </div>
          );
        })}
        <Button size="compact-sm" onClick={() => layouts.change({ columns: {}, order: [] })}>
          As the desk has them
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}
