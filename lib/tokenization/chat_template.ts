// Chat templates, rendered as transformers renders them.

import type { Message } from '../data/types';
import { HiddenFunction } from '../jinja/values';
import { JinjaError, JinjaRaised } from '../jinja/errors';
import { JinjaTemplate } from '../jinja/template';
import { TokenizerError } from './errors';
import { formatDate } from './date_format';

// Two days that differ in everything that strftime prints.
const ONE_DAY = new Date(Date.UTC(2024, 6, 26, 8, 15, 42));
const ANOTHER_DAY = new Date(Date.UTC(2019, 10, 4, 17, 38, 9));

/**
 * A template may not print the current date: a reward must not depend on the day. `strftime_now` is not defined for
 * templates that test for it, so that they print the fixed date that they have for that case. A template that calls it
 * without testing is rendered on two days; if the texts are equal, the date does not matter.
 */
export class ChatTemplate {
  private readonly template: JinjaTemplate;

  /** @throws TokenizerError if the template does not parse. */
  constructor(
    source: string,
    private readonly file: string,
    private readonly specialTokens: Record<string, string>,
  ) {
    try {
      this.template = new JinjaTemplate(source);
    } catch (error) {
      if (!(error instanceof JinjaError)) throw error;
      throw new TokenizerError(`the chat template in ${file} is not valid Jinja (${withLine(error)}).`);
    }
  }

  /**
   * The conversation as text. `variables` are the template's other inputs: `tools`, `enable_thinking` and the like.
   * @throws TokenizerError if the template refuses the conversation.
   */
  render(
    messages: readonly Message[],
    addGenerationPrompt: boolean,
    variables: Readonly<Record<string, unknown>> = {},
  ): string {
    const all = {
      tools: null,
      documents: null,
      ...this.specialTokens,
      ...variables,
      messages,
      add_generation_prompt: addGenerationPrompt,
    };
    const { text, askedForDate } = this.renderOn(ONE_DAY, all);
    if (askedForDate && this.renderOn(ANOTHER_DAY, all).text !== text) {
      throw new TokenizerError(
        `the chat template in ${this.file} prints the day's date (strftime_now), on which no reward may depend: ` +
          'write a date into a copy of the template, where it calls strftime_now, and use that.',
      );
    }
    return text;
  }

  private renderOn(day: Date, variables: Readonly<Record<string, unknown>>): { text: string; askedForDate: boolean } {
    let askedForDate = false;
    const strftimeNow = new HiddenFunction('strftime_now', ([format]) => {
      askedForDate = true;
      return formatDate(day, typeof format === 'string' ? format : '');
    });
    try {
      const text = this.template.render({ strftime_now: strftimeNow, ...variables });
      return { text, askedForDate };
    } catch (error) {
      if (!(error instanceof JinjaError)) throw error;
      const reason = error instanceof JinjaRaised ? error.problem : withLine(error);
      throw new TokenizerError(`the chat template in ${this.file} refuses the conversation: ${reason}`);
    }
  }
}

function withLine({ line, problem }: JinjaError): string {
  return line === undefined ? problem : `line ${line}: ${problem}`;
}
