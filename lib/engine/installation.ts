// Where the engine is looked for: the machine, and a package as its package.json describes it.

/** What the choice depends on; tests give other machines. */
export interface System {
  platform: string;
  arch: string;
  /** Its version; undefined where the C library is another, such as Alpine's musl. */
  glibc: string | undefined;
}

export interface Manifest {
  name: string;
  version: string;
  optionalDependencies?: Record<string, string>;
}
