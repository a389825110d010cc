// The methods of str that look up attributes and items, which may be methods themselves. Loading this file adds them to
// the others.

import { getAttribute, getItem } from '../access';
import { PythonDict } from '../values';
import { JinjaTypeError } from '../errors';
import { formatBraces } from '../formatting/braces';
import { byPlace } from '../runtime';
import { TEXT_METHODS } from './text';

const LOOKUP = { attribute: getAttribute, item: getItem };
TEXT_METHODS.set('format', (text, args, keywords) => formatBraces(text, args, keywords, LOOKUP));
TEXT_METHODS.set('format_map', (text, args, keywords) => {
  return byPlace('format_map', ([mapping, ...more]) => {
    if (!(mapping instanceof PythonDict) || more.length > 0) throw new JinjaTypeError('format_map() takes one mapping');
    return formatBraces(text, [], mapping, LOOKUP);
  })(args, keywords);
});
