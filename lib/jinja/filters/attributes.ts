// What `attribute='a.b'` looks up.

import { getItem } from '../access';
import { parseIntegerText } from '../numbers';
import { textOf, Undefined, type Value } from '../values';

type Getter = (item: Value) => Value;

/** @param fallback replaces undefined values on the path, unless it is null. */
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

/** Several attributes separated by commas: their values in a list, which is compared item by item. */
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

/** Filters ignore case when they order texts, unless case_sensitive is given. */
export function caseAdapter(caseSensitive: boolean): Getter {
  return (value) => (caseSensitive ? value : (textOf(value)?.toLowerCase() ?? value));
}
