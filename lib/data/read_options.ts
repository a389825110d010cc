import type { readRows } from './rows';

/** How data files are read. */
export interface ReadOptions {
  /** 'cheems': exactly the original's result, its failures too (`compat.ts`); else the default rules. */
  compat?: 'cheems' | undefined;
  /** Rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Called now and then with the rows read of a file. */
  onProgress?: ((progress: { file: string; rows: number }) => void) | undefined;
  /** Where a file's rows come from: the file system, unless given. */
  rowsOf?: typeof readRows | undefined;
}
