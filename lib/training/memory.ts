// Refuses runs that cannot fit into memory.
import type { Engine, PlanRequest } from '../engine/types';
import type { MemoryPlan } from '../engine/types.generated';
import { TrainingError } from './errors';
import { formatBytes } from '../text/bytes';
import { knob } from '../text/knobs';

/** A plan for a device that is not on this machine passes: its memory is not known. */
export const fits = (plan: MemoryPlan): boolean => plan.availableBytes === null || plan.totalBytes <= usableBytes(plan);

/** The available memory without the reserve. */
const usableBytes = ({ availableBytes, reserveBytes }: MemoryPlan): number =>
  (availableBytes ?? Infinity) - reserveBytes;

/**
 * Plans, and throws a TrainingError if the plan exceeds the available memory. The error lists the planned memory of the
 * same run with each memory-saving option.
 */
export async function planOrRefuse(engine: Pick<Engine, 'planMemory'>, request: PlanRequest): Promise<MemoryPlan> {
  const plan = await engine.planMemory(request);
  if (fits(plan)) return plan;
  const lines = [
    `This run needs ${formatBytes(plan.totalBytes)} of memory, and ${formatBytes(plan.availableBytes ?? 0)} are available${
      plan.reserveBytes > 0
        ? `, ${formatBytes(plan.reserveBytes)} of which must stay free (${knob('deviceMemoryReserve')})`
        : ''
    }.`,
  ];
  const savings = await plannedSavings(engine, request, plan);
  const helpful = savings.filter((saving) => fits(saving.plan));
  if (helpful.length > 0) {
    lines.push('It fits with:');
    for (const { options, plan: smaller } of helpful) lines.push(`  ${options}: ${formatBytes(smaller.totalBytes)}`);
  } else {
    const least = savings.reduce<MemoryPlan>(
      (best, saving) => (saving.plan.totalBytes < best.totalBytes ? saving.plan : best),
      plan,
    );
    lines.push(
      `No memory-saving option is enough: with all of them it still needs ${formatBytes(least.totalBytes)}. A ` +
        `lower ${knob('maxLength')} (the longest sample has ${request.longestSample ?? plan.microBatchTokens} ` +
        'tokens), a smaller model, or more memory would help.',
    );
  }
  throw new TrainingError(lines.join('\n'));
}

interface Saving {
  options: string;
  plan: MemoryPlan;
}

async function plannedSavings(
  engine: Pick<Engine, 'planMemory'>,
  request: PlanRequest,
  plan: MemoryPlan,
): Promise<Saving[]> {
  const given = plan.microBatchTokens;
  const least = Math.max(1, request.longestSample ?? given);
  const smallerCut = given > least ? Math.max(least, Math.floor(given / 2)) : undefined;
  const leastCut = given > least ? least : undefined;
  const cuts = [...new Set([smallerCut, leastCut])].filter((cut) => cut !== undefined);
  const candidates: { options: string; request: PlanRequest }[] = [];
  for (const cut of cuts)
    candidates.push({ options: knob('microBatchTokens', cut), request: { ...request, microBatchTokens: cut } });
  if (request.purpose === 'train' && !request.gradientCheckpointing) {
    candidates.push({ options: knob('gradientCheckpointing'), request: { ...request, gradientCheckpointing: true } });
    for (const cut of cuts) {
      candidates.push({
        options: `${knob('gradientCheckpointing')} ${knob('microBatchTokens', cut)}`,
        request: { ...request, gradientCheckpointing: true, microBatchTokens: cut },
      });
    }
  }
  const savings: Saving[] = [];
  for (const candidate of candidates)
    savings.push({ options: candidate.options, plan: await engine.planMemory(candidate.request) });
  return savings;
}
