import test from 'ava';
import { parseTrainOptions } from './options';
import { StepPlan, type Place } from './step_plan';

const sizes = [3, 2, 3];
const planner = {
  epoch: (epoch: number) =>
    Array.from({ length: sizes[epoch % 3]! }, (_, i) => ({ promptIndices: [10 * epoch + i], responses: 2, pairs: 1 })),
  stepsOf: (epochs: number) => sizes.slice(0, epochs).reduce((sum, size) => sum + size, 0),
};

const planOf = (more: object) =>
  new StepPlan(
    planner,
    parseTrainOptions({
      model_path: 'm',
      train_data_path: 'a',
      test_data_path: 'b',
      output_dir: 'o',
      num_train_epochs: 3,
      ...more,
    }),
  );

/** [place, due] of every step. */
function walk(plan: StepPlan) {
  const steps: { batch: number; epochs: number; due: string }[] = [];
  let place: Place = { epoch: 0, batch: 0 };
  for (let step = 1; step <= plan.totalSteps; step += 1) {
    const batch = plan.batchAt(place).promptIndices[0]!;
    place = plan.next(place);
    const due = plan.dueAfter(step, place);
    steps.push({
      batch,
      epochs: plan.epochsDone(place),
      due: `${due.log ? 'l' : '-'}${due.evaluate ? 'e' : '-'}${due.save ? 's' : '-'}`,
    });
  }
  return steps;
}

test('steps walk through epochs of unequal length', (t) => {
  const steps = walk(planOf({}));
  t.deepEqual(
    steps.map(({ batch }) => batch),
    [0, 1, 2, 10, 11, 20, 21, 22],
  );
  t.deepEqual(
    steps.map(({ epochs }) => Math.round(100 * epochs)),
    [33, 67, 100, 150, 200, 233, 267, 300],
  );
});

test('logging, evaluation and saving fall due by strategy, at epoch ends and at the end', (t) => {
  const due = (more: object) =>
    walk(planOf(more))
      .map((step) => step.due)
      .join(' ');
  t.is(due({ logging_steps: 3, eval_steps: 4, save_steps: 2 }), 'l-- --s les -es -es l-s --- les');
  t.is(
    due({ logging_steps: 100, evaluation_strategy: 'epoch', save_strategy: 'epoch' }),
    'l-- --- -es --- -es --- --- les',
  );
  t.is(due({ logging_steps: 100, evaluation_strategy: 'no', save_strategy: 'no' }), 'l-- --- --- --- --- --- --- l-s');
});

test('max_steps overrides epochs, and the schedule spans it', (t) => {
  const plan = planOf({ max_steps: 4, warmup_ratio: 0.5, learning_rate: 1, lr_scheduler_type: 'linear' });
  t.is(plan.totalSteps, 4);
  t.is(plan.warmupSteps, 2);
  t.deepEqual(
    [1, 2, 3, 4].map((step) => plan.learningRate(step)),
    [0, 0.5, 1, 0.5],
  );
});
