import { Context, Effect, Layer } from "effect"
import type { RemoteServer } from "../../domain/Server.ts"
import type { CallbackListener } from "../../ports/CallbackListener.ts"
import type { CredentialStore } from "../../ports/CredentialStore.ts"
import type { Discovery } from "../../ports/Discovery.ts"
import type { HttpTransport } from "../../ports/HttpTransport.ts"
import type { Proxy } from "../../ports/Proxy.ts"
import type { ChosenStorage } from "../storage/ChosenStorage.ts"
import type { StorageCheck } from "../storage/StorageCheck.ts"
import type { Finding } from "./Finding.ts"

export { type Check, checks, type Finding } from "./Finding.ts"

/**
 * Finds what prevents a sign-in, without one: no browser opens, no client is registered, and no token is sent anywhere.
 */
export class Doctor extends Context.Service<
  Doctor,
  {
    /** Runs every check, in the order of {@link checks}. A problem that it finds is no error here. */
    readonly examine: (server: RemoteServer, account?: string) => Effect.Effect<ReadonlyArray<Finding>>
  }
>()("mcp-cli-oauth/app/doctor/Doctor") {}

/** Examines servers. The code of the checks is loaded by the first one. */
export const layer = Layer.effect(
  Doctor,
  Effect.gen(function* () {
    const services = yield* Effect.context<
      CallbackListener | ChosenStorage | CredentialStore | Discovery | HttpTransport | Proxy | StorageCheck
    >()
    return Doctor.of({
      examine: (server, account) =>
        Effect.promise(() => import("./Examination.ts")).pipe(
          Effect.flatMap(({ examine }) => examine(server, account)),
          Effect.provideContext(services)
        )
    })
  })
)
