import { Effect, Layer, Schema } from "effect"
import { ClientRegistrations, DynamicRegistration } from "mcp-cli-oauth"
import type { Database } from "./Database.ts"
import { makeSealedRecords } from "./SealedRecords.ts"

const RegistrationJson = Schema.fromJsonString(Schema.toCodecJson(DynamicRegistration))

/** Shares one client registration for each authorization server among all users and replicas. */
export const layer: Layer.Layer<ClientRegistrations, never, Database> = Layer.effect(
  ClientRegistrations,
  Effect.gen(function* () {
    const records = yield* makeSealedRecords("registration", RegistrationJson)
    const nameOf = (key: { readonly issuer: string; readonly redirectUri: string }) =>
      JSON.stringify([key.issuer, key.redirectUri])
    return ClientRegistrations.of({
      get: (key) => records.get(nameOf(key)),
      put: (key, registration) => records.put(nameOf(key), registration),
      remove: (key, clientId) => records.removeIf(nameOf(key), (stored) => stored.clientId === clientId)
    })
  })
)
