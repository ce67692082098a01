// This module does not import Effect: the keyring process loads it, and has to start fast.

/** The timeout of each step, in seconds. */
export interface KeyringTimeouts {
  /** Until the process runs. This does not depend on the keyring. */
  readonly start: number
  /** Until the keyring answers. */
  readonly answer: number
  /** Until the keyring answers while it asks the user to unlock it. */
  readonly user: number
}

/** The default timeouts. */
export const timeouts: KeyringTimeouts = { start: 30, answer: 3, user: 60 }
/** Until the session bus has answered a read, in seconds. It takes milliseconds; after that, the keyring process is asked. */
export const busTimeout = 1
/** The load per processor above which timeouts are extended. */
export const maxLoad = 4
/** How many entries of the Secret Service are cached: each one holds a connection to the message bus. */
export const maxHeld = 16
/** The largest entry of the Credential Manager, in bytes (CRED_MAX_CREDENTIAL_BLOB_SIZE of wincred.h, 5 * 512). */
export const windowsLimit = 2560
/** The largest record, in chunks: 160 KiB, many times the size of a server's tokens. */
export const maxChunks = 64
/** Space that must be free before a refresh, in bytes: more than a keyring with some hundred passwords, which is written whole. */
export const canarySize = 256 * 1024
