import { DownloadError } from '../files/download';

/** A model could not be fetched from the hub; the message says why and what to do. */
export class HubError extends DownloadError {
  override readonly name = 'HubError';
}
