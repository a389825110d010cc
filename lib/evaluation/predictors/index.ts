// To add a way of scoring, write one file here that makes a Predictor, and register it in registry.ts; or give a module
// of your own to `eval --predictor PATH`.

export { definePredictor, runPredictor } from './define';
export { lengthPredictor } from './length';
export { loadPredictor, registeredPredictors, registerPredictor } from './registry';
export * from './predictor';
