import { Layer } from "effect"
import * as FetchTransport from "../adapters/http/FetchTransport.ts"
import * as CallbackListener from "../adapters/loopback/CallbackListener.ts"
import * as DeviceAuthorization from "../adapters/oauth/DeviceAuthorization.ts"
import * as WebLive from "./WebLive.ts"

/** What a sign-in needs from the network, and the loopback listener, over any HTTP transport. */
export const layerOverTransport = Layer.mergeAll(
  WebLive.layerOverTransport,
  DeviceAuthorization.layer,
  CallbackListener.layer
)

/** The same over the platform's `fetch`. Add a store with its lock, the user and the browser. */
export const layer = layerOverTransport.pipe(Layer.provideMerge(FetchTransport.layer))
