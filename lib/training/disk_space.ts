// Checks before a run whether its checkpoints fit on the disk.
import { join } from 'node:path';
import type { FileSystem } from '../files/file_system';
import { messageOf } from '../support/thrown';
import { formatBytes } from '../text/bytes';
import { TrainingError } from './errors';
import { stepsOf, type TrainOptions } from './options';
import type { OutputFolderState } from './output_folder';

/** How many checkpoints can still be added at most: a new one is complete before the oldest is removed. */
function checkpointsAtOnce(options: TrainOptions, totalSteps: number, isResumed: boolean): number {
  const epochs = options.max_steps > 0 ? 1 : Math.ceil(options.num_train_epochs);
  const bySteps =
    options.save_strategy === 'steps' ? Math.floor(totalSteps / stepsOf(options.save_steps, totalSteps)) : 0;
  const saves = Math.max(1, Math.min(totalSteps, options.save_strategy === 'no' ? 1 : bySteps + epochs));
  // The folder of a resumed run holds some already. How many of them will be removed is not known, so one is counted.
  if (isResumed) return 1;
  return options.save_total_limit === 0 ? saves : Math.min(saves, options.save_total_limit + 1);
}

async function bytesIn(folder: string, files: FileSystem): Promise<number> {
  let sum = 0;
  for (const name of await files.list(folder)) sum += (await files.kindOf(join(folder, name)))?.bytes ?? 0;
  return sum;
}

/**
 * Reports before the training, not after it, that a checkpoint cannot fit. `each`: bytes of its weights and optimizer
 * state.
 */
export async function refuseFullDisk(
  options: TrainOptions,
  each: number,
  totalSteps: number,
  files: FileSystem,
  { resumed, doomed }: OutputFolderState,
): Promise<void> {
  const count = checkpointsAtOnce(options, totalSteps, resumed !== undefined);
  const needed = each * count;
  let free: number;
  try {
    free = await files.freeBytes(options.output_dir);
    for (const { folder } of doomed) free += await bytesIn(folder, files);
  } catch (error) {
    throw new TrainingError(`The free space of ${options.output_dir} cannot be determined: ${messageOf(error)}.`);
  }
  if (free < needed) {
    const kept =
      count === 1
        ? ''
        : `, and ${count} of them stand there at once (${formatBytes(needed)}; save_total_limit ` +
          `${options.save_total_limit}, the newest beside those that it replaces)`;
    throw new TrainingError(
      `A checkpoint takes about ${formatBytes(each)} in ${options.output_dir}${kept}, and ${formatBytes(free)} ` +
        'are free. Free some space, keep fewer, or choose another output_dir.',
    );
  }
}
