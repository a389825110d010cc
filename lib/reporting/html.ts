// HTML that cannot be broken by what is put into it: every value is escaped, unless it is markup already.

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
 * What HTML forbids or silently changes: control characters but tab and line feed, and halves of surrogate pairs; and
 * the controls of direction, which make text read otherwise than it is.
 */
const UNFIT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|[\ud800-\udfff]|[\u061c\u202a-\u202e\u2066-\u2069]/gu;

export function escapeHtml(text: string): string {
  return withoutUnfit(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Every character that HTML does not take, or that no reader sees, is shown as a replacement character. */
export function withoutUnfit(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNFIT, '\ufffd');
}

/** A template: html`<p title="${text}">${text}</p>`. Attributes must stand in double quotes. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Markup {
  return new Markup(strings.reduce((all, part, i) => all + render(values[i - 1]) + part));
}

function render(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}
