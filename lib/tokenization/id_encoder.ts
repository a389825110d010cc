/** Text to token ids: our own byte-level BPE, the JavaScript library behind our pipeline, or the native library. */
export interface IdEncoder {
  /** A text's ids, without special tokens around them. @throws Error */
  encode(text: string): number[];
}
