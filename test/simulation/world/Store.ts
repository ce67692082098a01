import type { Layer } from "effect"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import type { CredentialLock } from "../../../src/ports/CredentialLock.ts"
import type { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"

/** What processes share, with its locks. */
export interface Store {
  /** Puts a credential there before the run. */
  readonly put: (key: CredentialKey, credential: Credential) => void
  /** The refresh token that is stored for a key now. */
  readonly refreshToken: (key: CredentialKey) => string | undefined
  /** The ports of one process. */
  readonly layer: (process: VirtualProcess) => Layer.Layer<CredentialStore | CredentialLock>
}
