import { Effect, type Layer } from "effect"
import { contentOf } from "../../domain/ByteRequest.ts"
import type { HttpTransport } from "../../ports/HttpTransport.ts"
import * as CoreTransport from "./CoreTransport.ts"
import { isLoaded } from "./Dispatching.ts"
import { layerOf } from "./FetchTransport.ts"
import { maxCoreRequests } from "./HttpLimits.ts"
import * as UndiciTransport from "./UndiciTransport.ts"

/** True in Node itself. Other runtimes have `node:http` as a layer over their own client. */
const isNode = (): boolean =>
  typeof process !== "undefined" && ["bun", "deno"].every((name) => process.versions[name] === undefined)

/**
 * The transport of the program. It sends the first requests of bytes by {@link CoreTransport}, which loads in 5 ms, and later
 * ones by {@link UndiciTransport} if it can: it takes 40 ms and 13 MB to load, and a third of the CPU time for each request. Requests
 * with other bodies go through `fetch`.
 *
 * Once undici is loaded, for `fetch` or for the proxies of the environment, every request goes there.
 *
 * @param beforeUndici is called before the first request of bytes by undici
 */
export const layerWith = (beforeUndici: () => void): Layer.Layer<HttpTransport> => {
  const undici = UndiciTransport.dispatchWith(beforeUndici)
  let sent = 0
  const usesCore = () => isNode() && !isLoaded() && (sent < maxCoreRequests || !UndiciTransport.hasUndici())
  return layerOf(
    (request, fresh) => {
      const known = contentOf(request)
      if (known === undefined || !usesCore()) return undici.dispatch(request, fresh)
      sent++
      return CoreTransport.dispatchBytes(request, known.content, fresh)
    },
    {
      connect: (url) => Effect.sync(() => (usesCore() ? CoreTransport.connect(url) : undici.connect(url)))
    }
  )
}
