// Asks for reasons and a number in a JSON object: {"reason": "…", "choice": 1}.

import { ROLES_EN, ROLES_ZH } from './roles';
import type { JudgeTemplate } from './template';

const shared = {
  history: 'transcript',
  reasoning: 'strip',
  letters: { a: '1', b: '2' },
  parser: { name: 'json', options: {} },
} as const;

export const jsonZh: JudgeTemplate = {
  ...shared,
  name: 'json-zh',
  roles: ROLES_ZH,
  user: `请判断下面两个回答哪一个更好地回应了请求，依据是：满足要求、正确、安全、清楚。先后次序和长短不算。

【请求】
{prompt}

【回答1】
{response_a}

【回答2】
{response_b}

只输出一个JSON对象，先写理由再写选择：{"reason": "一两句理由", "choice": 选择}。回答1更好时选择为1，回答2更好时为2，难分高下时为0。`,
};

export const jsonEn: JudgeTemplate = {
  ...shared,
  name: 'json-en',
  roles: ROLES_EN,
  user: `Decide which of the two responses below answers the request better: by doing what was asked, by being right, safe and clear. Order and length do not count.

### Request
{prompt}

### Response 1
{response_a}

### Response 2
{response_b}

Print one JSON object and nothing else, the reason first: {"reason": "one or two sentences", "choice": number}. The number is 1 if response 1 is better, 2 if response 2 is better, 0 if neither can be preferred.`,
};
