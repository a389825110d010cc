import { engine } from '../engine';
import type { CausalEngine } from './causal_engine';

export const nativeCausalEngine = engine as unknown as CausalEngine;
