/** What we use of an entry of `@napi-rs/keyring`. A call may block for as long as the system likes. */
export interface KeyringEntry {
  /** `null` where there is none. */
  getSecret(): ReadonlyArray<number> | Uint8Array | null
  setSecret(secret: Uint8Array): void
  /** False where there was none. */
  deleteCredential(): boolean
}

/** What we use of `@napi-rs/keyring`. */
export interface KeyringPackage {
  readonly Entry: new (
    service: string,
    username: string,
    options?: { linux?: { store?: "secret-service" } }
  ) => KeyringEntry
}
