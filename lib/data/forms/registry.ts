// The registry of data forms. To add a form: write its file beside this one and add its line here.

import { DataError } from '../errors';
import type { JsonObject } from '../fields';
import type { Source } from '../types';
import { cheemsFlat } from './cheems_flat';
import { cheemsGrouped } from './cheems_grouped';
import { chosenRejected } from './chosen_rejected';
import type { DataForm } from './form';
import { msSwift } from './ms_swift';
import { oasst } from './oasst';
import { sharegpt } from './sharegpt';

/** The first form that matches reads the row. */
const DATA_FORMS: readonly DataForm[] = [cheemsGrouped, cheemsFlat, msSwift, sharegpt, chosenRejected, oasst];

/** @throws DataError that lists the accepted forms. */
export function formOf(row: JsonObject, source: Source): DataForm {
  const form = DATA_FORMS.find((candidate) => candidate.matches(row));
  if (form) return form;
  const keys = Object.keys(row).slice(0, 12).join(', ');
  const accepted = DATA_FORMS.map((candidate) => `\n  ${candidate.name}: ${candidate.fields}`).join('');
  throw new DataError(source, `no data form has these fields (${keys || 'none'}). Accepted are:${accepted}`);
}
