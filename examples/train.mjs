// Trains from a program: node examples/train.mjs [OUTPUT_FOLDER]
import { train } from 'cheems-native';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort()); // finishes the step, saves a checkpoint, and returns

const result = await train(
  {
    model_path: 'runs/quickstart/base',
    train_data_path: 'data/oasst-zh/train.jsonl',
    test_data_path: 'data/oasst-zh/test.jsonl',
    output_dir: process.argv[2] ?? 'runs/example',
    overwrite_output_dir: true,
    max_steps: 20,
    learning_rate: 1e-3,
    global_batch_size: 32,
    max_length: 1024,
    truncation: true,
  },
  {
    stop: stop.signal,
    onLog: ({ message }) => console.error(message),
    onStep: ({ step, totalSteps, loss, accuracy }) =>
      console.log(`${step}/${totalSteps} loss ${loss.toFixed(4)} accuracy ${accuracy.toFixed(3)}`),
    onSave: ({ folder }) => console.log(`saved ${folder}`),
  },
);
console.log(result.interrupted ? `stopped after step ${result.step}` : `the model is in ${result.modelFolder}`);
