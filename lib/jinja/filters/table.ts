// jinja2's filters, by name.

import { nameIn, one } from '../tests';
import type { NativeFunction } from '../values';
import { addListFilters } from './lists';
import { addNumberFilters } from './numbers';
import { addSelectionFilters } from './selection';
import { addTextFilters } from './texts';
import { addWebFilters } from './web';

export const FILTERS = new Map<string, NativeFunction>();

addTextFilters(FILTERS);
addListFilters(FILTERS);
addNumberFilters(FILTERS);
addSelectionFilters(FILTERS);
addWebFilters(FILTERS);

// This test is defined here because it needs the filters, which need the tests.
one('filter', (value) => FILTERS.has(nameIn(value)));
