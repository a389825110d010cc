// Asks for a letter and nothing else: the cheapest verdict, and the only one whose first token can be read as a
// probability.

import { ROLES_EN, ROLES_ZH } from './roles';
import type { JudgeTemplate } from './template';

const shared = {
  history: 'transcript',
  reasoning: 'strip',
  letters: { a: 'A', b: 'B' },
  parser: { name: 'letter', options: { tie: null } },
} as const;

export const letterZh: JudgeTemplate = {
  ...shared,
  name: 'letter-zh',
  roles: ROLES_ZH,
  user: `下面是一个请求和它的两个回答。哪个回答更好？请看谁更符合要求、更正确、更安全、更清楚；不要看先后和长短。

【请求】
{prompt}

【回答A】
{response_a}

【回答B】
{response_b}

只输出一个字母：A更好输出A，B更好输出B。不要输出其他任何内容。`,
};

export const letterEn: JudgeTemplate = {
  ...shared,
  name: 'letter-en',
  roles: ROLES_EN,
  user: `Here are a request and two responses to it. Which response is better? Look at which one does what was asked, is right, safe and clear; not at order or length.

### Request
{prompt}

### Response A
{response_a}

### Response B
{response_b}

Answer with one letter, A or B, and with nothing else.`,
};
