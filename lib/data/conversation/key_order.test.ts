// The order of keys: a template prints dictionaries, and Python's keep the order of the text.

import test from 'ava';
import { parseGenerationRow } from '../../generation/rows';
import { ChatTemplate } from '../../tokenization/chat_template';
import { emptyReport } from '../report';
import { asMessages } from './messages';
import { exactText, parseRow } from './numbers';
import { textOfMessage } from './texts';

test('keys of arguments and parameters stay in the order of the text, integers among them', (t) => {
  const written = '{"city":"x","10":1,"2":{"b":1,"1":2.0},"__proto__":{"a":1},"0":[{"z":1,"5":"\\u0001\\"7\\": "}]}';
  const call = `{"function":{"name":"f","arguments":${written}}}`;
  const row = parseRow(`{"messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[${call}]}]}`);
  const [, turn] = asMessages(parseGenerationRow(row, { file: 'f', line: 1 }, emptyReport()).item.prompt);
  const printed = new ChatTemplate('{{ messages[1].tool_calls[0].function.arguments | tojson }}', 'f', {});
  const right =
    '{"city": "x", "10": 1, "2": {"b": 1, "1": 2.0}, "__proto__": {"a": 1}, "0": [{"z": 1, "5": "\\u0001\\"7\\": "}]}';
  t.is(printed.render(structuredClone([{ role: 'user', content: 'q' }, turn!]), false), right);
  t.true(textOfMessage(turn!).includes('{"city":"x","10":1,"2":{"b":1,"1":2},"__proto__":{"a":1},"0":[{"z":1,"5":'));
  const other = parseRow(call.replace('"10":1,', '"9":1,'));
  t.not(exactText(parseRow(call)), exactText(other));
  t.deepEqual(parseRow('{"tools":[{"2":1,"a":1,"1":2}],"rank":{"b":1,"1":2}}'), {
    tools: [{ 2: 1, a: 1, 1: 2 }],
    rank: { b: 1, 1: 2 },
  });
});
