import { type Layer, Redacted } from "effect"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import type { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import type { UserInteraction } from "../../../src/ports/UserInteraction.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"

/** What processes share, with its locks. */
export interface Store {
  /** Replaces a record without any lock, as before the run, or by a foreign program. */
  readonly put: (key: CredentialKey, credential: Credential) => void
  /** The record of a key. */
  readonly peek: (key: CredentialKey) => Credential | undefined
  /** The ports of one process. */
  readonly layer: (
    process: VirtualProcess
  ) => Layer.Layer<CredentialStore | CredentialLock, never, UserInteraction>
}

/** The refresh token of a record. */
export const refreshTokenOf = (credential: Credential | undefined): string | undefined => {
  const token = credential?.tokens?.refreshToken
  return token === undefined ? undefined : Redacted.value(token)
}
