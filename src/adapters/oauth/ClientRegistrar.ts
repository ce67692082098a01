import { Effect, Layer } from "effect"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import { ClientRegistrar } from "../../ports/ClientRegistrar.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"

const registration = Effect.promise(() => import("./Registration.ts"))

/** Dynamic client registration (RFC 7591) and deregistration (RFC 7592). Their code is loaded by the first one. */
export const layer: Layer.Layer<ClientRegistrar, never, HttpTransport> = Layer.effect(
  ClientRegistrar,
  Effect.gen(function* () {
    const transport = yield* HttpTransport
    const identity = yield* ClientIdentity
    return ClientRegistrar.of({
      register: (request) =>
        Effect.flatMap(registration, ({ register }) => register(transport, identity, request)),
      deregister: (client) => Effect.flatMap(registration, ({ deregister }) => deregister(transport, client))
    })
  })
)
