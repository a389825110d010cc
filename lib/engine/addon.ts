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
 * The addon's exports. What returns a promise does so always: arguments that do not fit reject it. Its classes are
 * those that types.ts describes (bindings/*_object.h); instances come from `load` and from their methods.
 */
export interface Addon {
  info(): EngineInfo;
  /** What types.generated.ts is made of, as JSON. */
  schema(): string;
  /** A folder in which a package brought libcheems_cuda.so: looked into after the addon's own. */
  addPluginFolder(folder: string): void;
  /** flock(2), without waiting, of a file that is open for writing: 0, or the system's error number. */
  lockFile: (descriptor: number) => number;
  /** What errors are made of from now on. */
  useErrorClass(errorClass: typeof EngineError): void;
  readArchitecture(folder: string): Promise<ArchitectureInfo>;
  initialize(options: InitializeOptions): Promise<void>;
  /** Without microBatchTokens: what fills the memory. */
  planMemory(request: PlanningOptions): Promise<MemoryPlan>;
  Model: { load(options: ModelLoadOptions, work?: WorkOptions): Promise<EngineModel> };
  CausalModel: { load(options: CausalLoadOptions, work?: WorkOptions): Promise<EngineCausalModel> };
}

let loaded: { addon: Addon; source: EngineSource } | undefined;

/** Loads the addon at its first use, so that what needs no engine (`--help`, reading data) works without a build. */
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

/** Which file the engine came from. */
export const engineSource = (): EngineSource => load().source;
