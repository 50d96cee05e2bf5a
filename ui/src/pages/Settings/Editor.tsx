import { Button, Checkbox } from '@mantine/core';
import { useState, type FormEvent } from 'react';

import { Failure } from '@/components/states/states';
import { useMay } from '@/hooks/useMay';
import { api, data } from '@/services/api';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';

import { FIELDS, type Numbers } from '.';
import css from './Settings.module.css';

interface EditorProps {
  set: string;
  row: Numbers;
  onClose: () => void;
}

/** Change a symbol's numbers, as a version with its reason. */
export function Editor({ set, row, onClose }: EditorProps) {
  const mayChange = useMay('TRADER');
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(FIELDS.map(([field]) => [field, row[field]])),
  );
  const [isInverted, invert] = useState(row.is_inverted);
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  const changed = FIELDS.filter(([field]) => values[field] !== row[field]);
  const isChanged = changed.length > 0 || isInverted !== row.is_inverted;

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    const body = {
      reason,
      // A true minus sign is what the page writes, and what is copied from it.
      ...Object.fromEntries(changed.map(([field]) => [field, values[field]!.trim().replace('−', '-')])),
      ...(isInverted === row.is_inverted ? {} : { is_inverted: isInverted }),
    };
    try {
      const path = { of_set: set, symbol: row.symbol };
      await data(api.PATCH('/api/desk/{of_set}/{symbol}', { params: { path }, body }));
      await queryClient.invalidateQueries({ queryKey: ['desk'] });
      onClose();
    } catch (found) {
      setError(found);
      setSending(false);
    }
  };

  return (
    <form className={css.editor} onSubmit={(event) => void save(event)} aria-label={`Numbers of ${row.symbol}`}>
      {FIELDS.map(([field, title]) => (
        <label key={field}>
          <span>{title}</span>
          <input
            value={values[field]}
            inputMode="decimal"
            autoComplete="off"
            className={css.input}
            aria-description={`stands at ${format.asSet(row[field])}`}
            onChange={(event) => setValues({ ...values, [field]: event.currentTarget.value })}
          />
        </label>
      ))}
      <Checkbox
        size="xs"
        label="Inverted"
        checked={isInverted}
        onChange={(event) => invert(event.currentTarget.checked)}
      />
      <label className={css.reason}>
        <span>Why</span>
        <input
          value={reason}
          required
          maxLength={500}
          className={css.input}
          placeholder="Kept with the version"
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <Button type="submit" size="compact-sm" disabled={!isChanged || isSending || !reason.trim() || !mayChange}>
        Save
      </Button>
      <Button size="compact-sm" onClick={onClose}>
        Cancel
      </Button>
      {error !== null && (
        <div className={css.refused}>
          <Failure title={`${row.symbol} stays as it is.`} error={error} />
        </div>
      )}
    </form>
  );
}
