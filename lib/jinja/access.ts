// `object.name`, `object[index]` and slices, as jinja2's immutable sandbox allows them.

import {
  Callable,
  HiddenFunction,
  type Keywords,
  Markup,
  NamedTuple,
  NativeObject,
  orElse,
  PythonBytes,
  PythonDict,
  PythonRange,
  PythonTuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values';
import { JinjaTypeError } from './errors';
import { methodOf } from './methods/table';
import { toIndex } from './numbers';
import { repr } from './printing';
import { characterAt, sliceArray, sliceIndices, sliceText, type Slice } from './text';

/** `object.name`: an attribute, or else an item. */
export function getAttribute(object: Value, name: string): Value {
  const attribute = attributeOf(object, name);
  if (attribute !== undefined) return attribute;
  return orElse(itemOf(object, name), () => missing(object, name));
}

/** `object[index]`: an item, or else an attribute. */
export function getItem(object: Value, index: Value): Value {
  const item = itemOf(object, index);
  if (item !== undefined) return item;
  const name = textOf(index);
  return orElse(name === undefined ? undefined : attributeOf(object, name), () => missing(object, index));
}

/** `|attr`: never an item. */
export function getAttributeOnly(object: Value, name: string): Value {
  return orElse(attributeOf(object, name), () => missing(object, name));
}

/**
 * The attribute, or undefined if there is none. An attribute that the sandbox hides is a value of the class Undefined.
 */
function attributeOf(object: Value, name: string): Value | undefined {
  if (object instanceof Undefined) return object.fail();
  // A namespace has only its own attributes.
  if (object instanceof NativeObject && object.typeName === 'Namespace') return object.attribute(name);
  if (name.startsWith('__') && name.endsWith('__') && PYTHONS_OWN.has(name)) return unsafe(object, name);
  if (object instanceof NativeObject) return object.attribute(name);
  if (object instanceof NamedTuple && object.names.includes(name)) return object.items[object.names.indexOf(name)];
  return methodOf(object, name, unsafe);
}

/** Attributes that every Python object has. */
const PYTHONS_OWN = new Set(
  (
    '__class__ __delattr__ __dir__ __doc__ __eq__ __format__ __ge__ __getattribute__ __getstate__ __gt__ __hash__ ' +
    '__init__ __init_subclass__ __le__ __lt__ __ne__ __new__ __reduce__ __reduce_ex__ __repr__ __setattr__ ' +
    '__sizeof__ __str__ __subclasshook__'
  ).split(' '),
);

function unsafe(object: Value, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(object)}' object is unsafe`, true);
}

function missing(object: Value, name: Value): Undefined {
  const what = `'${typeName(object)} object'`;
  return new Undefined(
    typeof name === 'string' ? `${what} has no attribute '${name}'` : `${what} has no element ${repr(name)}`,
  );
}

function itemOf(object: Value, index: Value): Value | undefined {
  if (object instanceof PythonDict) return isHashable(index) ? object.get(index) : undefined;
  if (object instanceof Undefined) return object.fail();
  const at = toIndex(index);
  if (at === undefined) return undefined;
  if (Array.isArray(object)) return object.at(at);
  if (typeof object === 'string') return characterAt(object, at);
  if (object instanceof Markup) {
    const character = characterAt(object.text, at);
    return character === undefined ? undefined : new Markup(character);
  }
  if (object instanceof PythonTuple) return object.items.at(at);
  if (object instanceof PythonBytes) return object.bytes.at(at);
  if (!(object instanceof PythonRange)) return undefined;
  const place = at < 0 ? at + object.length : at;
  return place >= 0 && place < object.length ? object.at(place) : undefined;
}

function isHashable(value: Value): boolean {
  return !Array.isArray(value) && !(value instanceof PythonDict);
}

export function getSlice(object: Value, slice: Slice): Value {
  if (typeof object === 'string') return sliceText(object, slice);
  if (Array.isArray(object)) return sliceArray(object, slice);
  if (object instanceof Markup) return new Markup(sliceText(object.text, slice));
  if (object instanceof PythonTuple) return new PythonTuple(sliceArray(object.items, slice));
  if (object instanceof PythonBytes) return new PythonBytes(Uint8Array.from(sliceArray([...object.bytes], slice)));
  if (object instanceof PythonRange) return slicedRange(object, slice);
  if (object instanceof Undefined) return object.fail();
  throw new JinjaTypeError(`'${typeName(object)}' object cannot be sliced`);
}

function slicedRange(range: PythonRange, slice: Slice): PythonRange {
  const [start, stop, step] = sliceIndices(slice, range.length);
  return new PythonRange(range.at(start), range.at(stop), range.step * step);
}

export function call(callee: Value, args: Value[], keywords: Keywords): Value {
  if (callee instanceof Callable) return callee.call(args, keywords);
  if (callee instanceof HiddenFunction) return callee.body(args, keywords);
  if (callee instanceof Undefined) return callee.fail();
  throw new JinjaTypeError(`'${typeName(callee)}' object is not callable`);
}
