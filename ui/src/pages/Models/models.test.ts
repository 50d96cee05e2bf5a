import { expect, test } from 'vitest';

import { compared, hasSkill, question, type Fold } from './models';

const fold = (run_id: number, number: number, model: string, skill: number) =>
  ({ run_id, fold: number, model, skill }) as Fold;

test('a model is named by what it predicts', () => {
  expect(question({ target: 'direction', symbols: ['ES', 'NQ'], horizon: '15m' })).toBe('direction of ES, NQ at 15m');
});

test('a model has skill where the whole interval is above 0', () => {
  expect(hasSkill({ skill: 0.02, skill_low: 0.01 })).toBe(true);
  expect(hasSkill({ skill: 0.02, skill_low: -0.01 })).toBe(false);
  expect(hasSkill({ skill: null, skill_low: null })).toBe(false);
});

test('trainings are compared fold by fold, by the best model of each', () => {
  const runs = [{ run_id: 1, best_model: 'boosting' }, { run_id: 2, best_model: 'logistic' }];
  const folds = [fold(2, 1, 'logistic', 0.3), fold(1, 2, 'boosting', 0.2), fold(1, 1, 'boosting', 0.1), fold(1, 1, 'majority', 0)];
  expect(compared(runs, folds).map(({ fold: number, skills }) => [number, skills.map((one) => one?.skill)])).toEqual([
    [1, [0.1, 0.3]],
    [2, [0.2, undefined]],
  ]);
});
