/**
 * Bytes by account, called and answered at once: what a keyring is in the process that may be blocked by it. Each
 * function throws what the system's interface throws.
 */
export interface Entries {
  /** The secret of an account; `null` where there is none. */
  readonly get: (account: string) => Uint8Array | null
  readonly set: (account: string, secret: Uint8Array) => void
  /** False where there was none. */
  readonly remove: (account: string) => boolean
}

/** Entries that can be told what will probably be asked for. */
export interface ExpectingEntries extends Entries {
  /** Prepares what takes long, where something does. It never fails: whoever asks for the entry is told. */
  readonly expect: (account: string) => void
}
