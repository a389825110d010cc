// Predictors by name, and a user's own module by path.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { definePredictor, shapeProblem } from './define';
import { lengthPredictor } from './length';
import type { Predictor, PredictorDefinition } from './predictor';
import { PredictorError } from '../../judging/errors';
import { messageOf } from '../../support/thrown';

const registered = new Map<string, Predictor>([[lengthPredictor.name, lengthPredictor]]);

/** Makes a predictor known by its name, so that `eval --predictor NAME` finds it. A name can be taken only once. */
export function registerPredictor(definition: PredictorDefinition | Predictor): Predictor {
  const predictor = definePredictor(definition);
  if (registered.has(predictor.name))
    throw new PredictorError(`A predictor named "${predictor.name}" is registered already; choose another name.`);
  registered.set(predictor.name, predictor);
  return predictor;
}

/** The names of all predictors, registered ones included. */
export function registeredPredictors(): string[] {
  return [...registered.keys()];
}

/**
 * A registered predictor by its name, else a module by its path: JavaScript, ESM or CommonJS, whose default export is
 * what `definePredictor` returns (or accepts).
 * @throws PredictorError if there is no such name or file, the module does not load, or its export is not a predictor.
 */
export async function loadPredictor(nameOrPath: string): Promise<Predictor> {
  const known = registered.get(nameOrPath);
  if (known) return known;
  const path = resolve(nameOrPath);
  if (!existsSync(path)) {
    throw new PredictorError(
      `"${nameOrPath}" is neither a registered predictor (${registeredPredictors().join(', ')}) nor a file ` +
        `(${path} does not exist).`,
    );
  }
  const exported = await importDefault(path);
  const problem = shapeProblem(exported);
  if (problem !== undefined) {
    throw new PredictorError(
      `${path} does not give a predictor: ${problem}. Its default export should be definePredictor({ name, score }).`,
    );
  }
  return definePredictor(exported as PredictorDefinition | Predictor);
}

async function importDefault(path: string): Promise<unknown> {
  let loaded: Record<string, unknown>;
  try {
    loaded = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    const advice = /\.[cm]?tsx?$/.test(path) ? ' It is TypeScript: compile it, and give the path of the .js file.' : '';
    throw new PredictorError(`The predictor module ${path} could not be loaded: ${messageOf(error)}${advice}`, {
      cause: error,
    });
  }
  if (!('default' in loaded))
    throw new PredictorError(
      `${path} has no default export. It should be: export default definePredictor({ name, score }).`,
    );
  // A CommonJS module compiled from `export default` comes as { default: { default: … } }.
  const exported = loaded['default'];
  const isCompiled =
    typeof exported === 'object' && exported !== null && '__esModule' in exported && 'default' in exported;
  return isCompiled ? (exported as { default: unknown }).default : exported;
}
