import { Layer } from "effect"
import * as FetchTransport from "../adapters/http/FetchTransport.ts"
import * as CallbackListener from "../adapters/loopback/CallbackListener.ts"
import * as ClientRegistrar from "../adapters/oauth/ClientRegistrar.ts"
import * as DeviceAuthorization from "../adapters/oauth/DeviceAuthorization.ts"
import * as Discovery from "../adapters/oauth/Discovery.ts"
import * as DpopProofs from "../adapters/oauth/DpopProofs.ts"
import * as PkceGenerator from "../adapters/oauth/PkceGenerator.ts"
import * as TokenEndpoint from "../adapters/oauth/TokenEndpoint.ts"
import * as MemoryClientRegistrations from "../adapters/store/memory/MemoryClientRegistrations.ts"

/** What a sign-in needs of the network, over any `HttpTransport`. Registrations are shared within this process. */
export const layerOverTransport = Layer.mergeAll(
  Discovery.layer,
  ClientRegistrar.layer,
  TokenEndpoint.layer,
  PkceGenerator.layer,
  DeviceAuthorization.layer,
  CallbackListener.layer,
  MemoryClientRegistrations.layer
).pipe(Layer.provideMerge(DpopProofs.layer))

/** What a sign-in needs of the network, over the platform's `fetch`. Add a store with its lock, the user and the browser. */
export const layer = layerOverTransport.pipe(Layer.provideMerge(FetchTransport.layer))
