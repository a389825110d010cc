// What tables and charts list where data have more groups than a person reads. results.json has them all.

import type { MetricReport } from '../evaluation/metrics/types';
import { largestPlaces } from '../evaluation/metrics/bootstrap';

/** Rows of a table, bars of a chart. */
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

/** What `listedCategories` leaves out, as a sentence; nothing where all are listed. */
export function listingNotes({ categories }: Pick<MetricReport, 'categories'>): string[] {
  return categories.length <= MOST_LISTED
    ? []
    : [
        `Listed are the ${MOST_LISTED} categories with the most prompts, of ${categories.length}; results.json ` +
          'has all.',
      ];
}

/** Of a benchmark's own table: its last row sums up, where there is one, so it stays. */
export function listedRows<T>(rows: readonly T[]): readonly T[] {
  return rows.length <= MOST_LISTED ? rows : [...rows.slice(0, MOST_LISTED - 1), rows.at(-1)!];
}
