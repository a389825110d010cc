/** The version in package.json. Required by a fixed path, so that a bundler takes it along. */
export function packageVersion(): string {
  return (require('../../package.json') as { version: string }).version;
}
