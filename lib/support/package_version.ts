// The package's name, and its running version.

export const PACKAGE_NAME = 'cheems-native';

/** The version in package.json. Required by a fixed path, so that a bundler includes it. */
export function packageVersion(): string {
  return (require('../../package.json') as { version: string }).version;
}
