// HTML that inserted values cannot break: every value is escaped, unless it is markup already.

export class Markup {
  constructor(readonly text: string) {}
}

type Value = string | number | Markup | undefined | readonly Value[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/**
 * What HTML forbids or silently changes: control characters except tab and line feed, and halves of surrogate pairs.
 * Also the direction controls, which make text appear in a different order.
 */
const UNFIT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|[\ud800-\udfff]|[\u061c\u202a-\u202e\u2066-\u2069]/gu;

export function escapeHtml(text: string): string {
  return withoutUnfit(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Every character that HTML does not accept, or that is invisible, becomes a replacement character. */
export function withoutUnfit(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNFIT, '\ufffd');
}

/** A template: html`<p title="${text}">${text}</p>`. Attributes must be in double quotes. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Markup {
  return new Markup(strings.reduce((all, part, i) => all + render(values[i - 1]) + part));
}

function render(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}
