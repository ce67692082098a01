import { Config, Effect, Layer, Option } from "effect"
import { Proxy } from "../../ports/Proxy.ts"

/** What Node can do from 24.14 and 25.4 on, though its types say that every one can; loaded only where it is needed. */
const setter = (): ((env: NodeJS.ProcessEnv) => unknown) | undefined =>
  (process.getBuiltinModule("node:http") as Partial<typeof import("node:http")>).setGlobalProxyFromEnv

/** Variables in the order in which one counts. */
const variablesOf = (protocol: string): ReadonlyArray<string> =>
  protocol === "https:" ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy", "HTTP_PROXY"]

/**
 * Sends the requests of this process through the proxies of its environment, as other programs do: Node itself does
 * that only where it is told to.
 */
export const useProxyOfEnvironment = (env: NodeJS.ProcessEnv): void => {
  const named = ["http:", "https:"].flatMap(variablesOf).some((name) => (env[name] ?? "") !== "")
  if (named) setter()?.(env)
}

const variable = (name: string) =>
  Config.option(Config.String(name)).pipe(
    Effect.map(Option.filter((value) => value !== "")),
    Effect.orElseSucceed(() => Option.none<string>())
  )

/**
 * Whether `NO_PROXY` leaves a host out, as Node reads it: names, names with a dot or `*.` before them for all below, with a
 * port or without, and `*` for all.
 */
export const isLeftOut = (noProxy: string, { hostname, port, protocol }: URL): boolean =>
  noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true
      const [name = "", ofPort] = entry.split(/:(?=\d+$)/)
      const actualPort = port === "" ? (protocol === "https:" ? "443" : "80") : port
      if (ofPort !== undefined && ofPort !== actualPort) return false
      const suffix = name.replace(/^\*/, "")
      return suffix.startsWith(".") ? hostname.endsWith(suffix) : hostname === suffix
    })

/** `Proxy` by the environment. */
export const layer: Layer.Layer<Proxy> = Layer.succeed(
  Proxy,
  Proxy.of({
    routeTo: Effect.fn("Proxy.routeTo")(function* (url) {
      for (const name of variablesOf(url.protocol)) {
        const value = yield* variable(name)
        if (Option.isNone(value)) continue
        const lower = yield* variable("no_proxy")
        const noProxy = Option.isSome(lower) ? lower : yield* variable("NO_PROXY")
        if (Option.exists(noProxy, (text) => isLeftOut(text, url))) return undefined
        return {
          variable: name,
          place: URL.parse(value.value)?.host ?? "an address that is none",
          used: setter() !== undefined
        }
      }
      return undefined
    })
  })
)
