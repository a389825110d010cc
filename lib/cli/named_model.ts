// A model named on the command line, as a folder: fetched from the hub if the name is an id, with progress on stderr.

import { localModelFolder } from '../hub/fetch_model';
import { showProgress, type ProgressDisplay } from './progress';
import { say } from './terminal';

/** @throws what `localModelFolder` throws. */
export async function modelFolder(folderOrId: string, signal?: AbortSignal): Promise<string> {
  let progress: ProgressDisplay | undefined;
  try {
    return await localModelFolder(folderOrId, {
      signal,
      onNote: say,
      onProgress: ({ file, done, total }) => {
        progress ??= showProgress({ label: folderOrId, unit: 'MB', total: Math.ceil(total / 1e6) });
        progress.update(Math.ceil(done / 1e6), { file });
      },
    });
  } finally {
    progress?.finish();
  }
}
