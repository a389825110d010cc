// What the search for the engine depends on: the machine, and a package as its package.json describes it.

/** The machine that the engine is chosen for; tests pass other ones. */
export interface System {
  platform: string;
  arch: string;
  /** The version of glibc; undefined if the C library is another one, such as Alpine's musl. */
  glibc: string | undefined;
}

export interface Manifest {
  name: string;
  version: string;
  optionalDependencies?: Record<string, string>;
}
