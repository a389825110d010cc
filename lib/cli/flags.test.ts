import test from 'ava';
import { ENGINE_KNOBS } from '../engine/types.generated';
import { trainOptionDefinitions } from '../options/training';
import { scoringResources, scoringSamples, scoringWeights } from '../options/scoring';
import { withFlags } from './flags';

test('options that the engine names are flags here', (t) => {
  t.is(
    withFlags('Lower `microBatchTokens`, or use `device: cpu` or `optimizerState: float32`.'),
    'Lower --micro_batch_tokens, or use --device cpu or --optimizer_state float32.',
  );
  t.is(withFlags('The key `device_map` and `nobody` stay.'), 'The key `device_map` and `nobody` stay.');
});

test('every option that the engine names is a flag of train or of scoring', (t) => {
  const flags = Object.keys({ ...trainOptionDefinitions, ...scoringResources, ...scoringSamples, ...scoringWeights });
  for (const knob of ENGINE_KNOBS) t.true(flags.includes(withFlags(`\`${knob}\``).slice(2)), knob);
});
