// The three data files of AlignRM/CheemsRM. Sizes and digests are those of the Git LFS pointers in that repository.

import type { LfsFile } from './lfs';

export const CHEEMS_REPOSITORY = 'https://github.com/AlignRM/CheemsRM.git';

export const CHEEMS_FILES: readonly LfsFile[] = [
  {
    path: 'cheems_bench/human.jsonl',
    bytes: 11_474_262,
    sha256: 'd37eb490a27f47e161672038bb151a4e2624da58a1bb7ea10359eb3eb9dfd2ce',
  },
  {
    path: 'cheems_bench/open.jsonl',
    bytes: 9_333_907,
    sha256: 'a8f16d6abe5cb384aab1dc9022b0fefb98a5b35064942dd611839cbd068b0190',
  },
  {
    path: 'cheems_preference.jsonl',
    bytes: 365_514_502,
    sha256: '21e9155e51686193dd33804985eb559c55affe1f141e39b6559367c7a91d0f89',
  },
];
