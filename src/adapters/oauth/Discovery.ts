import { Effect, Layer } from "effect"
import { Discovery } from "../../ports/Discovery.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { HostAddresses } from "../http/HostAddresses.ts"
import { makeMetadataCache } from "./MetadataCache.ts"

/** Discovery over HTTP. Caches the documents of discoveries that succeed. Its code is loaded by the first one. */
export const layer: Layer.Layer<Discovery, never, HttpTransport> = Layer.effect(
  Discovery,
  Effect.gen(function* () {
    const transport = yield* HttpTransport
    const findAddresses = yield* HostAddresses
    const cache = makeMetadataCache()
    return Discovery.of({
      discover: (server, challenge) =>
        Effect.flatMap(
          Effect.promise(() => import("./DiscoverySearch.ts")),
          ({ discover }) => discover({ transport, findAddresses, cache }, server, challenge)
        ),
      tokenEndpointsFor: (server, page) =>
        Effect.flatMap(
          Effect.promise(() => import("./DiscoverySearch.ts")),
          ({ tokenEndpointsFor }) => tokenEndpointsFor({ transport, findAddresses, cache }, server, page)
        )
    })
  })
)
