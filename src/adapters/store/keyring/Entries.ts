/**
 * A keyring as synchronous calls, for the process that a call may block. Each function throws what the system's
 * interface throws.
 */
export interface Entries {
  /** Returns the secret of an account, or `null`. */
  readonly get: (account: string) => Uint8Array | null
  readonly set: (account: string, secret: Uint8Array) => void
  /** Returns false if there was no entry. */
  readonly remove: (account: string) => boolean
}
