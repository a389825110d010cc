// CheemsBench figures of the paper (arXiv 2502.17173, tables 2 and 8), taken from a full translation of its third
// version. Rows whose figures in the paper contradict each other are left out (Skywork-Reward-Llama-3.1-8B, GPT-4o).

export interface PublishedRow {
  name: string;
  kind: 'reward model' | 'judge';
  openAccuracy: number;
  openExactMatch: number;
  humanAccuracy: number;
  humanExactMatch: number;
  overall: number;
}

export const PUBLISHED_SOURCE =
  'Published: Cheems (arXiv 2502.17173 v3), tables 2 and 8, taken from a full translation of the paper; not ' +
  'measured here. ' +
  'Two rows whose published figures contradict each other (Skywork-Reward-Llama-3.1-8B, GPT-4o) are left out.';

type Figures = [
  name: string,
  openAccuracy: number,
  openExactMatch: number,
  humanAccuracy: number,
  humanExactMatch: number,
  overall: number,
];

const REWARD_MODELS: readonly Figures[] = [
  ['CheemsRM (72B)', 0.857, 0.508, 0.832, 0.431, 0.657],
  ['Skywork-Reward-Gemma-2-27B', 0.754, 0.329, 0.748, 0.311, 0.535],
  ['Skywork-Reward-Gemma-2-27B-v0.2', 0.751, 0.321, 0.735, 0.294, 0.525],
  ['Llama-3.1-Nemotron-70B-Reward-HF', 0.75, 0.317, 0.722, 0.271, 0.515],
  ['Llama-3-OffsetBias-RM-8B', 0.734, 0.31, 0.689, 0.239, 0.493],
  ['RM-Mistral-7B', 0.721, 0.285, 0.7, 0.259, 0.491],
  ['URM-LLaMa-3-8B', 0.727, 0.31, 0.688, 0.23, 0.489],
  ['ArmoRM-Llama3-8B-v0.1', 0.715, 0.308, 0.677, 0.246, 0.487],
  ['Skywork-Reward-Llama-3.1-8B-v0.2', 0.721, 0.283, 0.701, 0.237, 0.486],
  ['URM-LLaMa-3.1-8B', 0.722, 0.292, 0.696, 0.23, 0.485],
  ['GRM-Llama3-8B-rewardmodel-ft', 0.728, 0.281, 0.688, 0.229, 0.482],
  ['QRM-Llama3.1-8B', 0.722, 0.275, 0.69, 0.233, 0.48],
  ['FsfairX-LLaMA3-RM-v0.1', 0.71, 0.286, 0.667, 0.224, 0.472],
  ['RM-Gemma-7B', 0.7, 0.273, 0.678, 0.235, 0.471],
  ['internlm2-20b-reward', 0.714, 0.26, 0.652, 0.2, 0.457],
  ['internlm2-7b-reward', 0.712, 0.262, 0.644, 0.187, 0.451],
  ['BTRM-Qwen2-7b-0613', 0.708, 0.259, 0.647, 0.186, 0.45],
  ['RM-Gemma-2B', 0.662, 0.222, 0.633, 0.205, 0.431],
  ['internlm2-1-8b-reward', 0.642, 0.182, 0.619, 0.163, 0.402],
  ['GRM-llama3-8B-distill', 0.531, 0.123, 0.548, 0.127, 0.332],
  ['GRM-Gemma-2B-rewardmodel-ft', 0.509, 0.111, 0.47, 0.106, 0.299],
  ['Gemma-2B-rewardmodel-ft', 0.494, 0.106, 0.473, 0.111, 0.296],
  ['GRM-gemma2-2B-rewardmodel-ft', 0.471, 0.093, 0.48, 0.11, 0.288],
];

const JUDGES: readonly Figures[] = [
  ['Skywork-Critic-Llama-3.1-70B', 0.755, 0.32, 0.731, 0.258, 0.516],
  ['CompassJudger-1-14B-Instruct', 0.745, 0.327, 0.692, 0.239, 0.501],
  ['CompassJudger-1-32B-Instruct', 0.742, 0.322, 0.685, 0.231, 0.495],
  ['Qwen2.5-72B-Instruct', 0.734, 0.306, 0.678, 0.229, 0.487],
  ['Skywork-Critic-Llama-3.1-8B', 0.726, 0.288, 0.696, 0.229, 0.485],
  ['Doubao-pro-128k', 0.72, 0.28, 0.662, 0.164, 0.456],
  ['Qwen2.5-7B-Instruct', 0.713, 0.262, 0.637, 0.163, 0.444],
  ['Llama-3-OffsetBias-8B', 0.69, 0.243, 0.658, 0.18, 0.443],
  ['Llama-3.1-70B-Instruct', 0.685, 0.244, 0.61, 0.153, 0.423],
  ['CompassJudger-1-1.5B-Instruct', 0.66, 0.21, 0.594, 0.132, 0.399],
  ['Llama-3.1-8B-Instruct', 0.63, 0.158, 0.583, 0.116, 0.372],
  ['GPT3.5-turbo', 0.616, 0.143, 0.572, 0.113, 0.361],
];

const rows = (kind: PublishedRow['kind'], figures: readonly Figures[]): PublishedRow[] =>
  figures.map(([name, openAccuracy, openExactMatch, humanAccuracy, humanExactMatch, overall]) => ({
    name,
    kind,
    openAccuracy,
    openExactMatch,
    humanAccuracy,
    humanExactMatch,
    overall,
  }));

/** Best first. */
export const PUBLISHED_ROWS: readonly PublishedRow[] = [
  ...rows('reward model', REWARD_MODELS),
  ...rows('judge', JUDGES),
].sort((a, b) => b.overall - a.overall);
