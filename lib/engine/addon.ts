// The compiled addon, described here and nowhere else; loader.ts finds it.
import { provideFileLocker } from '../files/kernel_lock';
import { packageFolder } from '../support/package_folder';
import { EngineError } from './errors';
import { cudaPackage, loadEngine, type EngineSource } from './loader';
import type { EngineCausalModel, EngineModel, WorkOptions } from './types';
import type {
  ArchitectureInfo,
  CausalLoadOptions,
  EngineInfo,
  InitializeOptions,
  MemoryPlan,
  ModelLoadOptions,
  PlanningOptions,
} from './types.generated';

/**
 * The addon's exports. A function that returns a promise never throws: invalid arguments reject the promise. Its
 * classes are those that types.ts describes (bindings/*_object.h); instances come from `load` and from their methods.
 */
export interface Addon {
  info(): EngineInfo;
  /** The descriptions from which types.generated.ts is made, as JSON. */
  schema(): string;
  /** Adds the folder of a package that contains libcheems_cuda.so; it is searched after the addon's own folder. */
  addPluginFolder(folder: string): void;
  /** flock(2) without waiting, on a file that is open for writing. Returns 0 or the system's error number. */
  lockFile: (descriptor: number) => number;
  /** Sets the class of the errors that the addon throws from now on. */
  useErrorClass(errorClass: typeof EngineError): void;
  readArchitecture(folder: string): Promise<ArchitectureInfo>;
  initialize(options: InitializeOptions): Promise<void>;
  /** Without microBatchTokens: as many as fill the memory. */
  planMemory(request: PlanningOptions): Promise<MemoryPlan>;
  Model: { load(options: ModelLoadOptions, work?: WorkOptions): Promise<EngineModel> };
  CausalModel: { load(options: CausalLoadOptions, work?: WorkOptions): Promise<EngineCausalModel> };
}

let loaded: { addon: Addon; source: EngineSource } | undefined;

/**
 * Loads the addon at its first use, so that commands that need no engine (`--help`, reading data) work without a build.
 */
function load(): { addon: Addon; source: EngineSource } {
  if (loaded !== undefined) return loaded;
  const root = packageFolder();
  const { addon, source } = loadEngine(root) as { addon: Addon; source: EngineSource };
  addon.useErrorClass(EngineError);
  const cuda = cudaPackage(root);
  if (cuda !== undefined) addon.addPluginFolder(cuda.folder);
  if (cuda?.remark !== undefined) source.remarks.push(cuda.remark);
  loaded = { addon, source };
  return loaded;
}

export const addon = (): Addon => load().addon;

provideFileLocker(() => addon().lockFile);

/** The file that the engine was loaded from. */
export const engineSource = (): EngineSource => load().source;
