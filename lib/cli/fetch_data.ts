// What scripts/fetch_data.sh runs: fetches the Cheems files into a folder, with progress on stderr.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkOutputFolder } from '../files/output_checks';
import { withInterrupts } from './interrupt';
import { reportFailure } from './failure';
import { showProgress } from './progress';
import { print, say } from './terminal';
import { CHEEMS_FILES, CHEEMS_REPOSITORY } from '../hub/cheems_data';
import { fetchLfsFiles } from '../hub/lfs';

const USAGE = `Fetches the data of CheemsRM (${CHEEMS_FILES.map(({ path }) => path).join(', ')}; 386 MB) and checks it by SHA-256.

Usage: bash scripts/fetch_data.sh [--bench] [--folder data] [--repository ${CHEEMS_REPOSITORY}]

  --bench       only the two files of CheemsBench (21 MB)
  --folder      where the files go
  --repository  a mirror of the repository, with its Git LFS files

A run that was stopped goes on where it was. A file that is there is not fetched again.
`;

function run(): Promise<void> | void {
  const { values } = parseArgs({
    options: {
      bench: { type: 'boolean', default: false },
      folder: { type: 'string', default: 'data' },
      repository: { type: 'string', default: CHEEMS_REPOSITORY },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return void print(USAGE);
  const { folder, repository } = values;
  const files = CHEEMS_FILES.filter(({ path }) => !values.bench || path.startsWith('cheems_bench/'));
  return withInterrupts('Stopping; the same command continues from here.', async (signal) => {
    const missing = files.filter(({ path }) => !existsSync(join(folder, path)));
    await checkOutputFolder(
      '--folder',
      folder,
      missing.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    for (const file of files) {
      const progress = showProgress({ label: file.path, unit: 'MB', total: Math.ceil(file.bytes / 1e6) });
      try {
        await fetchLfsFiles([file], {
          repository,
          folder,
          signal,
          onProgress: (_, bytes) => progress.update(Math.ceil(bytes / 1e6)),
          onWait: (_, pid) => say(`Process ${pid} is fetching ${file.path}; waiting for it.`),
        });
      } finally {
        progress.finish();
      }
      print(`${folder}/${file.path}\n`);
    }
  });
}

Promise.resolve()
  .then(run)
  .catch((error: unknown) => {
    process.exitCode = reportFailure(error);
  });
