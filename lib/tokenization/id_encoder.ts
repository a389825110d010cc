/** Text to token ids: byte-level BPE of our own, the JavaScript library behind our pipeline, or the native library. */
export interface IdEncoder {
  /** A text's ids, with nothing added around them. @throws Error */
  encode(text: string): number[];
}
