import type { ReportKind } from '../data/report';
import type { SpecialTokensInText } from '../options/special_tokens';

/** How samples are reported whose texts hold special tokens. */
export function specialKind(choice: SpecialTokensInText | undefined): ReportKind {
  return choice === 'escape' ? 'escapedSpecialTokens' : 'specialTokensInText';
}
