// The environment variables of Hugging Face's own tools, with their meaning and their defaults.

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The address of the Hugging Face hub, and the folder of its models. */
export interface HubEnvironment {
  /** HF_ENDPOINT: the hub or a mirror of it, without a slash at the end. */
  endpoint: string;
  /** HF_TOKEN, else the token that `hf auth login` stored. */
  token: string | undefined;
  /** HF_HUB_CACHE, else HF_HOME/hub; HF_HOME is ~/.cache/huggingface by default. */
  cache: string;
  /** HF_HUB_OFFLINE: no network requests. */
  offline: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

const given = (value: string | undefined): string | undefined =>
  value === undefined || value.trim() === '' ? undefined : value.trim();
const isTrue = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value?.trim() ?? '');

function expandHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? join(home, path.slice(1)) : path;
}

/** The settings of the Hugging Face hub in environment variables. */
export function hubEnvironment(variables: Variables = process.env): HubEnvironment {
  const userHome = given(variables['HOME']) ?? homedir();
  const cacheHome = given(variables['XDG_CACHE_HOME']) ?? join(userHome, '.cache');
  const home = expandHome(given(variables['HF_HOME']) ?? join(cacheHome, 'huggingface'), userHome);
  const cache = given(variables['HF_HUB_CACHE']) ?? given(variables['HUGGINGFACE_HUB_CACHE']) ?? join(home, 'hub');
  return {
    endpoint: (given(variables['HF_ENDPOINT']) ?? 'https://huggingface.co').replace(/\/+$/, ''),
    token:
      given(variables['HF_TOKEN']) ??
      given(variables['HUGGING_FACE_HUB_TOKEN']) ??
      storedToken(expandHome(given(variables['HF_TOKEN_PATH']) ?? join(home, 'token'), userHome)),
    cache: expandHome(cache, userHome),
    offline: isTrue(variables['HF_HUB_OFFLINE']) || isTrue(variables['TRANSFORMERS_OFFLINE']),
  };
}

function storedToken(file: string): string | undefined {
  try {
    return given(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
