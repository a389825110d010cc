// What the package is called, and which version of it runs.

export const PACKAGE_NAME = 'cheems-native';

/** The version in package.json. Required by a fixed path, so that a bundler takes it along. */
export function packageVersion(): string {
  return (require('../../package.json') as { version: string }).version;
}
