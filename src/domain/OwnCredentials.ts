import type { Credential } from "./Credential.ts"
import type { CredentialKey } from "./CredentialKey.ts"

/**
 * Tells the credentials of this machine's configuration from others in a store that machines share.
 *
 * @param credential what is stored there. Absent: only its name is known
 */
export type IsOwn = (key: CredentialKey, credential?: Credential) => boolean

/**
 * The credentials of these servers, in whatever account, and the secrets that their entries refer to. A server without a
 * resource owns every record of its name.
 */
export const ownCredentials =
  (configured: ReadonlyArray<CredentialKey>): IsOwn =>
  (key, credential) =>
    configured.some(
      ({ resource, server }) =>
        server === key.secret?.server ||
        (server === key.server &&
          (resource === undefined ||
            (credential === undefined ? key.mayHold(resource) : credential.resource === resource)))
    )
