import { Layer } from "effect"
import * as FetchTransport from "../adapters/http/FetchTransport.ts"
import * as MemoryLock from "../adapters/lock/MemoryLock.ts"
import * as ClientRegistrar from "../adapters/oauth/ClientRegistrar.ts"
import * as Discovery from "../adapters/oauth/Discovery.ts"
import * as DpopProofs from "../adapters/oauth/DpopProofs.ts"
import * as PkceGenerator from "../adapters/oauth/PkceGenerator.ts"
import * as TokenEndpoint from "../adapters/oauth/TokenEndpoint.ts"
import * as MemoryClientRegistrations from "../adapters/store/memory/MemoryClientRegistrations.ts"
import * as MemoryStore from "../adapters/store/memory/MemoryStore.ts"
import * as Credentials from "../app/credentials/Credentials.ts"
import * as AuthorizedHttp from "../app/http/AuthorizedHttp.ts"
import * as SignIn from "../app/signin/SignIn.ts"
import * as AccessTokens from "../app/tokens/AccessTokens.ts"
import { noUser } from "./NoUser.ts"

/** What a sign-in by redirect needs from the network, over any HTTP transport. Registrations are shared within this process. */
export const layerOverTransport = Layer.mergeAll(
  Discovery.layer,
  ClientRegistrar.layer,
  TokenEndpoint.layer,
  PkceGenerator.layer,
  MemoryClientRegistrations.layer
).pipe(Layer.provideMerge(DpopProofs.layer))

/** The same over the platform's `fetch`. */
export const layer = layerOverTransport.pipe(Layer.provideMerge(FetchTransport.layer))

/** A store in memory and its lock: sign-ins last as long as the layer. */
export const memory = Layer.merge(MemoryStore.layer, MemoryLock.layer)

/**
 * Access tokens, HTTP that carries them, and sign-in by `begin` and `complete`: a page, a Worker or a web server redirects
 * the browser itself. Add {@link layer}, and a store with its lock such as {@link memory}. Provide `ClientRegistrations`
 * before {@link layer} to share registrations among replicas.
 */
export const services = AuthorizedHttp.layer.pipe(
  Layer.provideMerge(AccessTokens.layerOnDemand),
  Layer.provideMerge(SignIn.layerWithoutUser),
  Layer.provideMerge(Credentials.layer),
  Layer.provide(noUser)
)
