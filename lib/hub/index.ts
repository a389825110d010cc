// The hub room's door.

export { HubError } from './errors';
export { hubEnvironment, type HubEnvironment } from './environment';
export { localModelFolder, type FetchProgress, type ModelFolderOptions } from './fetch_model';
export { hubReference, type ModelReference } from './reference';
