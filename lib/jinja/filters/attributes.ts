// What `attribute='a.b'` looks up.

import { getItem } from '../access';
import { parseIntegerText } from '../numbers';
import { textOf, Undefined, type Value } from '../values';

type Getter = (item: Value) => Value;

/** @param fallback stands for what is undefined on the way, unless it is null. */
export function attributeGetter(attribute: Value, fallback: Value = null): Getter {
  const parts = attributeParts(attribute);
  return (item) => {
    for (const part of parts) {
      item = getItem(item, part);
      if (fallback !== null && item instanceof Undefined) item = fallback;
    }
    return item;
  };
}

/** Several attributes with commas between them: the values in a list, which compare one after the other. */
export function attributesGetter(attribute: Value, adapt: Getter): Getter {
  const text = textOf(attribute);
  const getters = (text === undefined ? [attribute] : text.split(',')).map((part) => attributeGetter(part));
  return (item) => getters.map((get) => adapt(get(item)));
}

function attributeParts(attribute: Value): Value[] {
  if (attribute === null) return [];
  const text = textOf(attribute);
  if (text === undefined) return [attribute];
  return text.split('.').map((part) => (/^\p{Nd}+$/u.test(part) ? parseIntegerText(part)! : part));
}

/** Filters order texts without their case, unless asked otherwise. */
export function caseAdapter(caseSensitive: boolean): Getter {
  return (value) => (caseSensitive ? value : (textOf(value)?.toLowerCase() ?? value));
}
