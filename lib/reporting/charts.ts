// The report's charts: static SVG, drawn by Observable Plot when the report is written, so that the page needs no
// script. Colors are the page's CSS variables, so that one picture works in the light and the dark scheme.

import type * as PlotModule from '@observablehq/plot';
import type { Interval } from '../evaluation/metrics/types';

/** About the width that a phone shows at full size. */
const WIDTH = 460;
const FONT = { fontSize: '13px' };
const ACCENT = 'var(--accent)';
const MUTED = 'var(--muted)';

/** A bar for a fraction, with its interval if it has one. */
export interface ShareBar {
  name: string;
  value: number;
  interval?: Interval | undefined;
}

export interface HistogramBin {
  from: number;
  to: number;
  chosen: number;
  rejected: number;
}

export interface CalibrationPoint {
  /** The probability that the rewards predict: sigmoid of the mean difference. */
  predicted: number;
  accuracy: number;
  pairs: number;
}

export class ChartMaker {
  readonly #plot: typeof PlotModule;
  readonly #document: unknown;

  private constructor(plot: typeof PlotModule, document: unknown) {
    this.#plot = plot;
    this.#document = document;
  }

  /** Loads the library, which only a report needs. */
  static async open(): Promise<ChartMaker> {
    const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
    const { document } = parseHTML('<html></html>') as { document: unknown };
    return new ChartMaker(plot, document);
  }

  /** Horizontal bars from 0 to 1, one below the other, with a line at chance. */
  shares(bars: readonly ShareBar[], label: string): string {
    const Plot = this.#plot;
    const marginLeft = labelMargin(bars.map(({ name }) => name));
    const known = bars.filter(({ value }) => Number.isFinite(value));
    const withInterval = known.filter(({ interval }) => interval);
    return this.#draw({
      height: 64 + 30 * bars.length,
      marginTop: 8,
      marginBottom: 44,
      marginLeft,
      marginRight: 46,
      x: {
        domain: [0, 1],
        label,
        labelArrow: 'none',
        labelAnchor: 'center',
        ticks: [0, 0.25, 0.5, 0.75, 1],
        tickFormat: (x: number) => String(x),
      },
      y: { domain: bars.map(({ name }) => name), label: null, padding: 0.3 },
      marks: [
        Plot.axisY({ tickSize: 0, lineWidth: (marginLeft - 12) / 13, textOverflow: 'ellipsis' }),
        Plot.gridX({ stroke: MUTED, strokeOpacity: 0.3 }),
        Plot.barX(known, { x: 'value', y: 'name', fill: ACCENT, fillOpacity: 0.75 }),
        Plot.ruleX([0.5], { stroke: MUTED, strokeDasharray: '4,3' }),
        Plot.ruleY(withInterval, {
          x1: (bar: ShareBar) => bar.interval!.low,
          x2: (bar: ShareBar) => bar.interval!.high,
          y: 'name',
          stroke: 'currentColor',
          strokeWidth: 1.5,
          marker: 'tick',
        }),
        Plot.ruleX([0]),
        Plot.text(known, {
          x: (bar: ShareBar) => Math.max(bar.value, bar.interval?.high ?? 0),
          y: 'name',
          text: (bar: ShareBar) => bar.value.toFixed(3),
          textAnchor: 'start',
          dx: 6,
          fill: 'currentColor',
        }),
      ],
    });
  }

  calibration(points: readonly CalibrationPoint[]): string {
    const Plot = this.#plot;
    const low = Math.min(0.4, ...points.map(({ accuracy }) => accuracy));
    return this.#draw({
      height: 300,
      marginLeft: 48,
      marginBottom: 44,
      marginRight: 24,
      x: { domain: [0.5, 1], label: 'probability that the rewards claim', labelArrow: 'none', labelAnchor: 'center' },
      y: { domain: [Math.floor(low * 10) / 10, 1], label: 'accuracy', labelArrow: 'none', grid: false },
      r: { range: [0, 14], domain: [0, Math.max(...points.map(({ pairs }) => pairs))] },
      marks: [
        Plot.gridY({ stroke: MUTED, strokeOpacity: 0.3 }),
        Plot.line(
          [
            [0.5, 0.5],
            [1, 1],
          ],
          { stroke: MUTED, strokeDasharray: '4,3' },
        ),
        Plot.line(points, { x: 'predicted', y: 'accuracy', stroke: ACCENT }),
        Plot.dot(points, {
          x: 'predicted',
          y: 'accuracy',
          r: 'pairs',
          fill: ACCENT,
          fillOpacity: 0.75,
          stroke: 'var(--surface)',
        }),
      ],
    });
  }

  /**
   * Histograms of both sides of the pairs, overlaid: chosen filled, rejected with a dashed outline, so that they differ
   * not only in color.
   */
  rewards(bins: readonly HistogramBin[]): string {
    const Plot = this.#plot;
    return this.#draw({
      height: 280,
      marginLeft: 48,
      marginBottom: 44,
      x: { label: 'reward', labelArrow: 'none', labelAnchor: 'center' },
      y: { label: 'pairs', labelArrow: 'none' },
      marks: [
        Plot.gridY({ stroke: MUTED, strokeOpacity: 0.3 }),
        Plot.rectY(bins, { x1: 'from', x2: 'to', y: 'chosen', fill: 'var(--chosen)', fillOpacity: 0.55, inset: 0.5 }),
        Plot.rectY(bins, {
          x1: 'from',
          x2: 'to',
          y: 'rejected',
          fill: 'var(--rejected)',
          fillOpacity: 0.2,
          stroke: 'var(--rejected)',
          strokeWidth: 1.5,
          strokeDasharray: '3,2',
          inset: 1,
        }),
        Plot.ruleY([0]),
      ],
    });
  }

  /** Differences around 0: on the right side the first model is better. */
  differences(bars: readonly (ShareBar & { interval: Interval })[], label: string): string {
    const Plot = this.#plot;
    const reach =
      Math.max(0.01, ...bars.flatMap(({ interval: { low, high } }) => [Math.abs(low), Math.abs(high)])) * 1.05;
    const marginLeft = labelMargin(bars.map(({ name }) => name));
    return this.#draw({
      height: 64 + 32 * bars.length,
      marginTop: 8,
      marginBottom: 44,
      marginLeft,
      marginRight: 24,
      x: { domain: [-reach, reach], label, labelArrow: 'none', labelAnchor: 'center', ticks: 5 },
      y: { domain: bars.map(({ name }) => name), label: null, padding: 0.4, type: 'band' },
      marks: [
        Plot.axisY({ tickSize: 0, lineWidth: (marginLeft - 12) / 13, textOverflow: 'ellipsis' }),
        Plot.gridX({ ticks: 5, stroke: MUTED, strokeOpacity: 0.3 }),
        Plot.ruleX([0], { stroke: MUTED, strokeDasharray: '4,3' }),
        Plot.ruleY(bars, {
          x1: ({ interval }: (typeof bars)[number]) => interval.low,
          x2: ({ interval }: (typeof bars)[number]) => interval.high,
          y: 'name',
          stroke: ACCENT,
          strokeWidth: 2,
          marker: 'tick',
        }),
        Plot.dot(bars, { x: 'value', y: 'name', r: 5, fill: ACCENT }),
      ],
    });
  }

  /** An <svg> without an accessible name. */
  #draw(options: PlotModule.PlotOptions): string {
    // The type of `document` belongs to browsers and is not known to this package's compiler settings.
    const figure = this.#plot.plot({
      document: this.#document as never,
      width: WIDTH,
      style: FONT as never,
      ...options,
    }) as unknown as { outerHTML: string };
    return figure.outerHTML;
  }
}

/** Margin for the longest name, up to a third of the picture; longer names end in an ellipsis. */
function labelMargin(names: readonly string[]): number {
  const width = (name: string) =>
    [...name].reduce((sum, character) => sum + (character.codePointAt(0)! >= 0x1100 ? 13 : 7.8), 0);
  return Math.min(WIDTH / 3, Math.max(40, ...names.map(width)) + 18);
}
