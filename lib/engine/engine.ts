// The one typed entry to the engine. The addon is loaded at the first call; models, trainers and generations are
// objects of the addon.
import { addon } from './addon';
import type { Engine } from './types';

export const engine: Engine = {
  info: () => addon().info(),
  readArchitecture: async (folder) => addon().readArchitecture(folder),
  loadModel: async (options, work) => addon().Model.load(options, work),
  loadCausalModel: async (options, work) => addon().CausalModel.load(options, work),
  initialize: async (configFile, seed, weightsFile) => addon().initialize({ configFile, seed, weightsFile }),
  planMemory: async ({ microBatchTokens = 'auto', ...request }) =>
    addon().planMemory({ ...request, ...(microBatchTokens === 'auto' ? {} : { microBatchTokens }) }),
};
