// Kills a training run at random moments, again and again, and holds it to its promises:
//   - every checkpoint-<step> on disk is whole, digest by digest, and the newest one reported as saved is there;
//   - checkpoint-last leads to a whole one;
//   - the run goes on by itself, and its last weights, moments and log equal those of a run that nobody killed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SplitMix64 } from '../data/random';
import { findFault, listCheckpoints } from '../training/checkpoints';

export interface KillTestRequest {
  /** Holds the output folders of the runs; emptied first. */
  folder: string;
  kills: number;
  seed: number;
  /**
   * Program and arguments of a run into `outputDir` that resumes where it can, saves often and keeps few checkpoints.
   */
  command: (outputDir: string) => string[];
  /** Steps of a whole run. */
  steps: number;
  onProgress?: (line: string) => void;
}

export interface KillTestReport {
  kills: number;
  /** Kills that left a half-written checkpoint, a half-removed one, and none of these. */
  whileSaving: number;
  whileRemoving: number;
  elsewhere: number;
  /** Runs driven to their end through kills; the last one is always finished. */
  finishedRuns: number;
  checkpointsVerified: number;
}

interface Attempt {
  killed: boolean;
  code: number | null;
  /** Newest step that the process reported as saved. */
  reported: number;
  output: string;
}

type KillWhen = { afterSaves: number; milliseconds: number } | undefined;

/** Runs a process; with `when`, kills it so long after its n-th "Saved" line (n = 0: after its start). */
function attempt(command: string[], when: KillWhen): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let saves = 0;
    let timer: NodeJS.Timeout | undefined;
    const arm = () => {
      if (when && saves >= when.afterSaves) timer ??= setTimeout(() => child.kill('SIGKILL'), when.milliseconds);
    };
    const reported = () =>
      Math.max(0, ...[...output.matchAll(/^Saved .*checkpoint-(\d+)\.?$/gm)].map((match) => Number(match[1])));
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      saves = [...output.matchAll(/^Saved .*checkpoint-\d+/gm)].length;
      arm();
    });
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ killed: signal === 'SIGKILL', code, reported: reported(), output });
    });
    arm();
  });
}

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Checks every promise about the checkpoints on disk; returns how many it looked at. */
async function verify(outputDir: string, reported: number): Promise<number> {
  const checkpoints = await listCheckpoints(outputDir);
  for (const { folder } of checkpoints) {
    const fault = await findFault(folder);
    assert(fault === undefined, `a kill left a checkpoint that is not whole: ${fault}`);
  }
  assert(
    reported === 0 || checkpoints.some(({ step }) => step >= reported),
    `checkpoint-${reported} was reported as saved and neither it nor a later one is there`,
  );
  const last = join(outputDir, 'checkpoint-last');
  if (checkpoints.length > 1 || reported > 0) {
    const fault = await findFault(last);
    assert(fault === undefined, `checkpoint-last does not lead to a whole checkpoint: ${fault}`);
  }
  return checkpoints.length;
}

const recordsIn = (folder: string) =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { seconds: _seconds, tokens_per_second: _rate, ...record } = JSON.parse(line) as Record<string, unknown>;
      return JSON.stringify(record);
    })
    .join('\n');

function compare(outputDir: string, whole: string, steps: number): void {
  for (const file of [
    'model.safetensors',
    join(`checkpoint-${steps}`, 'model.safetensors'),
    join(`checkpoint-${steps}`, 'optimizer.safetensors'),
    'config.json',
    'cheems.json',
  ]) {
    assert(
      readFileSync(join(outputDir, file)).equals(readFileSync(join(whole, file))),
      `${file} of the killed and resumed run differs from that of the uninterrupted run`,
    );
  }
  assert(
    recordsIn(outputDir) === recordsIn(whole),
    'metrics.jsonl of the killed and resumed run differs from that of the uninterrupted run',
  );
}

/** @throws Error at the first broken promise. */
export async function killTest(request: KillTestRequest): Promise<KillTestReport> {
  const { folder, kills, steps, onProgress } = request;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const random = new SplitMix64(request.seed, 0);
  const below = (limit: number) => Number(random.next() % BigInt(limit));
  const whole = join(folder, 'uninterrupted');
  const began = performance.now();
  const reference = await attempt(request.command(whole), undefined);
  const duration = performance.now() - began;
  assert(reference.code === 0, `the uninterrupted run failed:\n${reference.output}`);
  onProgress?.(`the uninterrupted run took ${(duration / 1000).toFixed(1)} s`);

  const report: KillTestReport = {
    kills: 0,
    whileSaving: 0,
    whileRemoving: 0,
    elsewhere: 0,
    finishedRuns: 0,
    checkpointsVerified: 0,
  };
  const perSave = Math.max(20, Math.ceil(duration / steps));
  for (let run = 0; report.kills < kills; run += 1) {
    const outputDir = join(folder, `killed-${run}`);
    let reported = 0;
    for (let finished = false; !finished;) {
      // One kill in four anywhere from the start on; the others within a few saves, where the danger is.
      const anywhere = below(4) === 0;
      const when =
        report.kills >= kills
          ? undefined
          : anywhere
            ? { afterSaves: 0, milliseconds: below(Math.ceil(duration / 2)) }
            : { afterSaves: 1 + below(2), milliseconds: below(2 * perSave) };
      const outcome = await attempt(request.command(outputDir), when);
      reported = Math.max(reported, outcome.reported);
      if (existsSync(outputDir)) report.checkpointsVerified += await verify(outputDir, reported);
      if (outcome.killed) {
        const names = existsSync(outputDir) ? readdirSync(outputDir) : [];
        report.kills += 1;
        if (names.some((name) => name.startsWith('.writing-checkpoint'))) report.whileSaving += 1;
        else if (names.some((name) => name.startsWith('.deleting-'))) report.whileRemoving += 1;
        else report.elsewhere += 1;
        onProgress?.(`kill ${report.kills}/${kills}: run ${run}, last saved step ${reported}`);
      } else {
        assert(outcome.code === 0, `a resumed run failed:\n${outcome.output}`);
        finished = true;
      }
    }
    compare(outputDir, whole, steps);
    report.finishedRuns += 1;
    onProgress?.(`run ${run} ended with the same bits as the uninterrupted one`);
    rmSync(outputDir, { recursive: true, force: true });
  }
  return report;
}

/** Rows of three ranked responses in token ids from `first` to `end`, for runs that need no tokenizer. */
export function rankedRows(count: number, first: number, end: number, seed: number): string {
  const random = new SplitMix64(seed, 1);
  const id = () => first + Number(random.next() % BigInt(end - first));
  return Array.from({ length: count }, (_, row) => {
    const prompt = Array.from({ length: 4 }, id);
    const responses = ['a', 'b', 'c'].map((name) => ({
      id: name,
      input_ids: [...prompt, ...Array.from({ length: 3 + Number(random.next() % 6n) }, id)],
    }));
    return JSON.stringify({
      input: `row ${row}`,
      responses,
      annotations: [
        ['a', 'b', '1'],
        ['b', 'c', '1'],
        ['a', 'c', '1'],
      ],
    });
  }).join('\n');
}
