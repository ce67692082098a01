/** The part of an entry of `@napi-rs/keyring` that is used here. A call may block forever. */
export interface KeyringEntry {
  /** Returns `null` if there is no entry. */
  getSecret(): ReadonlyArray<number> | Uint8Array | null
  setSecret(secret: Uint8Array): void
  /** Returns false if there was no entry. */
  deleteCredential(): boolean
}

/** The part of `@napi-rs/keyring` that is used here. */
export interface KeyringPackage {
  readonly Entry: new (
    service: string,
    username: string,
    options?: { linux?: { store?: "secret-service" } }
  ) => KeyringEntry
}
