import { Context, Effect, Layer } from "effect"
import * as MemoryLock from "../../../src/adapters/lock/MemoryLock.ts"
import * as DpopProofs from "../../../src/adapters/oauth/DpopProofs.ts"
import * as PkceGenerator from "../../../src/adapters/oauth/PkceGenerator.ts"
import * as ScriptedAuthorizationServer from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import * as MemoryClientRegistrations from "../../../src/adapters/store/memory/MemoryClientRegistrations.ts"
import * as MemoryStore from "../../../src/adapters/store/memory/MemoryStore.ts"
import * as Credentials from "../../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../../src/app/signin/SignIn.ts"
import type { PendingSignIn } from "../../../src/domain/PendingSignIn.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import type { ClientRegistrations } from "../../../src/ports/ClientRegistrations.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"

/** What all replicas of a web server share: the network, the store and its lock. No user, browser or listener. */
export const network = (
  options: ScriptedAuthorizationServer.ScriptedOptions & {
    /** What the authorization endpoint answers to the preflight. Absent: it knows the client. */
    readonly preflight?: () => number
  } = {}
) =>
  Layer.mergeAll(
    ScriptedAuthorizationServer.layer(options),
    PkceGenerator.layer,
    DpopProofs.layer,
    MemoryStore.layer,
    MemoryLock.layer,
    Layer.succeed(HttpTransport, {
      send: () => Effect.sync(() => new Response(null, { status: options.preflight?.() ?? 302 }))
    })
  )

/** Starts a replica: its own memory, over what all of them share and these registrations. */
export const startReplicaOver = (registrations: Layer.Layer<ClientRegistrations>) =>
  Layer.build(
    Layer.fresh(
      SignIn.layerWithoutUser.pipe(Layer.provideMerge(Credentials.layer), Layer.provide(registrations))
    )
  ).pipe(Effect.map((services) => Context.get(services, SignIn.SignIn)))

/** Starts a replica with registrations of its own. */
export const startReplica = startReplicaOver(MemoryClientRegistrations.layer)

/** The query parameters of the callback after the user has approved. */
export const approve = (pending: PendingSignIn) =>
  ScriptedAuthorizationServer.ScriptedAuthorizationServer.use((server) => server.approve(pending.url)).pipe(
    Effect.map((callback) => callback.searchParams)
  )

/** Approves and completes a sign-in. */
export const finish = (replica: SignIn.SignIn["Service"], pending: PendingSignIn, server: RemoteServer) =>
  Effect.flatMap(approve(pending), (parameters) => replica.complete(pending, parameters, { server }))
