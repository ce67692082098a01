import { Layer } from "effect"
import * as FetchTransport from "../adapters/http/FetchTransport.ts"
import * as CallbackListener from "../adapters/loopback/CallbackListener.ts"
import * as ClientRegistrar from "../adapters/oauth/ClientRegistrar.ts"
import * as DeviceAuthorization from "../adapters/oauth/DeviceAuthorization.ts"
import * as Discovery from "../adapters/oauth/Discovery.ts"
import * as DpopProofs from "../adapters/oauth/DpopProofs.ts"
import * as PkceGenerator from "../adapters/oauth/PkceGenerator.ts"
import * as TokenEndpoint from "../adapters/oauth/TokenEndpoint.ts"

/** What speaks to authorization servers and hears the browser, over whatever HTTP there is. */
export const layerOverTransport = Layer.mergeAll(
  Discovery.layer,
  ClientRegistrar.layer,
  TokenEndpoint.layer,
  PkceGenerator.layer,
  DeviceAuthorization.layer,
  DpopProofs.layer,
  CallbackListener.layer
)

/**
 * All that a sign-in needs of the network, over the platform's `fetch`. What is left to choose is the store with its lock,
 * the user and the browser.
 */
export const layer = layerOverTransport.pipe(Layer.provideMerge(FetchTransport.layer))
