// A model as the user names it: a local folder, or `owner/name` or `owner/name@revision` on the hub.

import { existsSync } from 'node:fs';
import { HubError } from './errors';

export interface ModelReference {
  /** `owner/name`. */
  name: string;
  /** A branch, a tag or a commit. */
  revision: string;
}

const HUB_ID = /^([A-Za-z0-9_][\w.-]*\/[A-Za-z0-9_][\w.-]*)(?:@(.+))?$/;

/** Undefined if the text names a local folder: one that exists, or a path that cannot be an id on the hub. */
export function hubReference(text: string): ModelReference | undefined {
  if (existsSync(text)) return undefined;
  const match = HUB_ID.exec(text);
  if (!match) return undefined;
  const revision = match[2] ?? 'main';
  if (
    !/^[\w./+-]+$/.test(revision) ||
    revision.split('/').some((part) => part === '' || part === '.' || part === '..')
  ) {
    throw new HubError(`"${revision}" in ${text} cannot be a revision; give a branch, a tag or a commit after the @.`);
  }
  return { name: match[1]!, revision };
}
