// Asks for a comparison in words, then the verdict: [[A]], [[B]], or [[C]] for a tie.

import { ROLES_EN, ROLES_ZH } from './roles';
import type { JudgeTemplate } from './template';

const shared = {
  history: 'transcript',
  reasoning: 'strip',
  letters: { a: 'A', b: 'B' },
  parser: { name: 'brackets', options: {} },
} as const;

export const verdictZh: JudgeTemplate = {
  ...shared,
  name: 'verdict-zh',
  roles: ROLES_ZH,
  system: '你是一名严谨、公正的评审，任务是比较同一请求的两个回答，判断哪一个对提出请求的人更有用。',
  user: `请比较下面请求的两个回答。

评审时请依次考虑：
1. 是否真正满足了请求中的每一项要求，包括格式、字数、语言等限制；
2. 事实、推理、计算和代码是否正确；
3. 是否安全、诚实，没有编造内容；
4. 表达是否清楚、有条理、合乎中文习惯。
回答的先后次序和篇幅长短都不是评判依据：说得多不等于说得好。

<请求>
{prompt}
</请求>

<回答A>
{response_a}
</回答A>

<回答B>
{response_b}
</回答B>

请先用几句话说明两个回答各自的优缺点，然后在最后单独一行写出结论：A更好写[[A]]，B更好写[[B]]，确实难分高下写[[C]]。`,
};

export const verdictEn: JudgeTemplate = {
  ...shared,
  name: 'verdict-en',
  roles: ROLES_EN,
  system:
    'You are a careful and impartial reviewer. You compare two responses to one request and decide which of ' +
    'them serves the person who asked better.',
  user: `Compare the two responses to the request below.

Consider in turn:
1. whether each requirement of the request is met, with its limits of form, length and language;
2. whether facts, reasoning, calculations and code are right;
3. whether the response is safe and honest, with nothing made up;
4. whether it is clear, well ordered and pleasant to read.
Neither the order of the responses nor their length speaks for one of them: saying more is not saying it better.

<request>
{prompt}
</request>

<response_a>
{response_a}
</response_a>

<response_b>
{response_b}
</response_b>

First say in a few sentences what is good and what is bad about each. Then give your decision on a last line of its own: [[A]] if A is better, [[B]] if B is better, [[C]] only if neither can be preferred.`,
};
