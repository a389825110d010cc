import { JudgeError } from '../errors';
import { knob } from '../../text/knobs';

/** Headers of the connection or the request's form, which the caller may not set. */
const OWN = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Headers written as `NAME: VALUE`. @throws JudgeError that names the header; values are never shown. */
export function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [i, line] of lines.entries()) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (!NAME.test(name))
      throw new JudgeError(
        `${knob('judgeHeader')} number ${i + 1} is no header; give it as 'NAME: VALUE', such as 'api-key: …'.`,
      );
    if (Object.hasOwn(headers, name))
      throw new JudgeError(`${knob('judgeHeader')} gives ${name} twice; give each header once.`);
    headers[name] = line.slice(colon + 1).trim();
  }
  checkHeaders(headers);
  return headers;
}

/** @throws JudgeError that names the header. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name))
      throw new JudgeError(`A header for the judge (${JSON.stringify(name)}) has no name that HTTP allows.`);
    if (OWN.has(name.toLowerCase()))
      throw new JudgeError(`${knob('judgeHeader')} cannot set ${name}: it is part of how the request is sent.`);
    if (value === '')
      throw new JudgeError(`${knob('judgeHeader')} ${name} has no value; is the variable that it comes from set?`);
    requireSendable(value, `${knob('judgeHeader')} ${name}`);
  }
}

/** @throws JudgeError that says where the value comes from; the value is not shown. */
export function requireSendable(value: string, from: string): void {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new JudgeError(
      `${from} holds a character that no header can hold, such as a line end or a Chinese one; check what was ` +
        `copied into it.`,
    );
  }
}
