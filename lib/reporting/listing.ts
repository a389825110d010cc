// Which groups tables and charts list if the data have too many to read. results.json has them all.

import type { MetricReport } from '../evaluation/metrics/types';
import { largestPlaces } from '../evaluation/metrics/bootstrap';

/** Maximum number of rows in a table and bars in a chart. */
export const MOST_LISTED = 100;

/** The categories with the most prompts, in the order of the report. */
export function listedCategories({ categories, counts }: Pick<MetricReport, 'categories' | 'counts'>): string[] {
  if (categories.length <= MOST_LISTED) return categories;
  const listed = largestPlaces(
    categories.map((category) => counts.byCategory[category]!.prompts),
    MOST_LISTED,
  );
  return categories.filter((_, place) => listed.has(place));
}

/** What `listedCategories` leaves out, as a sentence; empty if all are listed. */
export function listingNotes({ categories }: Pick<MetricReport, 'categories'>): string[] {
  return categories.length <= MOST_LISTED
    ? []
    : [
        `Listed are the ${MOST_LISTED} categories with the most prompts, of ${categories.length}; results.json ` +
          'has all.',
      ];
}

/** The listed rows of a benchmark's own table. Its last row may be a summary, so it is kept. */
export function listedRows<T>(rows: readonly T[]): readonly T[] {
  return rows.length <= MOST_LISTED ? rows : [...rows.slice(0, MOST_LISTED - 1), rows.at(-1)!];
}
