import { Context, type Effect, type Option, type Redacted } from "effect"
import type { StorageError } from "./CredentialStore.ts"

/** Tells whether a text is the bearer, in a time that does not depend on where they differ. */
export type BearerCheck = (text: string) => boolean

/** The bearer tokens that local programs show to a proxy. Only their hashes are stored: a proxy recognizes them. */
export class ProxyBearers extends Context.Service<
  ProxyBearers,
  {
    /** The check of the bearer that was made last for a purpose. */
    readonly find: (purpose: string) => Effect.Effect<Option.Option<BearerCheck>, StorageError>
    /** Makes a bearer of 256 random bits, in place of the one before. Nothing can return it again. */
    readonly create: (purpose: string) => Effect.Effect<Redacted.Redacted, StorageError>
    /** The check of a bearer that the user has chosen. */
    readonly checkOf: (bearer: Redacted.Redacted) => BearerCheck
  }
>()("mcp-cli-oauth/ports/ProxyBearers") {}
