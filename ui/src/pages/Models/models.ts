/** What trainings and fitted models are called, and what may be done with them. */

import type { components } from '@/types/api';

export type Model = components['schemas']['ModelRow'];
export type Run = components['schemas']['ModelRun'];
export type Fold = components['schemas']['ModelFold'];
export type Alias = components['schemas']['ModelAlias'];

export type Drift = components['schemas']['FeatureDrift'];
export type Level = Drift['level'];

const LEVELS: Record<Level, string> = {
  well: 'Well',
  warns: 'Warns',
  decayed: 'Decayed',
  unknown: 'Too few rows',
};

/** The state of a calibration or of a feature, in words. */
export function levelOf(level: Level | undefined): string {
  return LEVELS[level ?? 'unknown'];
}

/** What a model predicts, without its series: direction at 1m. */
export function questionOf({ target, horizon }: Pick<Model, 'target' | 'horizon'>): string {
  return `${target} at ${horizon}`;
}

/** What a model predicts: direction of ES, NQ at 15m. */
export function question({ target, symbols, horizon }: Pick<Model, 'target' | 'symbols' | 'horizon'>): string {
  return `${target} of ${symbols.join(', ')} at ${horizon}`;
}

/** Whether its skill is above 0 with the whole of its interval: only then it may be served. */
export function hasSkill({ skill, skill_low }: Pick<Model, 'skill' | 'skill_low'>): boolean {
  return (skill ?? 0) > 0 && (skill_low ?? 0) > 0;
}

/** A row a fold, and of each training the skill of its best model there. */
export function compared(
  runs: readonly Pick<Run, 'run_id' | 'best_model'>[],
  folds: readonly Fold[],
): { fold: number; skills: (Fold | undefined)[] }[] {
  const numbers = [...new Set(folds.map(({ fold }) => fold))].sort((a, b) => a - b);
  return numbers.map((fold) => ({
    fold,
    skills: runs.map(({ run_id, best_model }) =>
      folds.find((one) => one.run_id === run_id && one.fold === fold && one.model === best_model),
    ),
  }));
}
