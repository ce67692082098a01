import { Effect, Layer, Option } from "effect"
import type { DynamicRegistration } from "../../../domain/ClientRegistration.ts"
import { ClientRegistrations, type RegistrationKey } from "../../../ports/ClientRegistrations.ts"

const nameOf = ({ issuer, redirectUri }: RegistrationKey): string => JSON.stringify([issuer, redirectUri])

/** Shares registrations among the accounts of one process. There are as many as issuers, so nothing bounds them. */
export const layer: Layer.Layer<ClientRegistrations> = Layer.sync(ClientRegistrations, () => {
  const registrations = new Map<string, DynamicRegistration>()
  return ClientRegistrations.of({
    get: (key) => Effect.sync(() => Option.fromUndefinedOr(registrations.get(nameOf(key)))),
    put: (key, registration) => Effect.sync(() => void registrations.set(nameOf(key), registration)),
    remove: (key, clientId) =>
      Effect.sync(() => {
        const name = nameOf(key)
        if (registrations.get(name)?.clientId === clientId) registrations.delete(name)
      })
  })
})
