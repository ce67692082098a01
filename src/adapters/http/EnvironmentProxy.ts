import { Config, Effect, Layer, Option } from "effect"
import { Proxy, type ProxyRoute } from "../../ports/Proxy.ts"

/** What Node can do from 24.14 and 25.4 on, though its types say that every one can; loaded only where it is needed. */
const setter = (): ((env: NodeJS.ProcessEnv) => unknown) | undefined =>
  (process.getBuiltinModule("node:http") as Partial<typeof import("node:http")>).setGlobalProxyFromEnv

/** Variables in the order in which one counts; `fetch` sends https through the proxy for http where it has no other. */
const variablesOf = (protocol: string): ReadonlyArray<string> =>
  protocol === "https:"
    ? ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"]
    : ["http_proxy", "HTTP_PROXY"]

/** Variables that other programs read for every protocol, and Node for none. */
const unread = ["all_proxy", "ALL_PROXY"]

const noProxyVariables = ["no_proxy", "NO_PROXY"]

const isDecodable = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/**
 * The address of a proxy, with a scheme or without, as other programs read it; none where it is no such address. What
 * is let through here is what Node takes: it throws at everything else.
 */
const addressOf = (text: string): URL | undefined => {
  if (text === "") return undefined
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || !["http:", "https:", "socks5:", "socks:"].includes(url.protocol)) return undefined
  const { hash, password, pathname, search, username } = url
  const isOrigin = url.host !== "" && ["", "/"].includes(`${pathname}${search}${hash}`)
  return isOrigin && isDecodable(username) && isDecodable(password) ? url : undefined
}

/** Does something while no variable of the environment names a proxy that is none. */
const withoutBrokenVariables = (act: () => void): void => {
  const broken = variablesOf("https:").flatMap((name) => {
    const value = process.env[name]
    return value === undefined || addressOf(value) !== undefined ? [] : [{ name, value }]
  })
  for (const { name } of broken) delete process.env[name]
  try {
    act()
  } finally {
    for (const { name, value } of broken) process.env[name] = value
  }
}

/** Node has been told by {@link useProxyOfEnvironment}. */
let told = false

/**
 * Sends the requests of this process through the proxies of its environment, as other programs do: Node itself does
 * that only where it is told to, and throws at an address that is none, which is passed over here.
 */
export const useProxyOfEnvironment = (env: NodeJS.ProcessEnv): void => {
  const addressFor = (protocol: string) =>
    variablesOf(protocol)
      .map((name) => addressOf(env[name] ?? ""))
      .find((address) => address !== undefined)?.href ?? ""
  const [http, https] = [addressFor("http:"), addressFor("https:")]
  if (http === "" && https === "") return
  // Asked for only here: it loads what speaks HTTP, which most commands never need.
  const set = setter()
  if (set === undefined) return
  const noProxy = env["no_proxy"] || env["NO_PROXY"] || ""
  try {
    // Whatever it is not told here Node reads from the environment by itself.
    withoutBrokenVariables(() => set({ http_proxy: http, https_proxy: https, no_proxy: noProxy }))
    told = true
  } catch {
    // A Node that knows no SOCKS: `routeTo` says that the proxy is not used.
    told = false
  }
}

const variable = (name: string) =>
  Config.option(Config.String(name)).pipe(
    Effect.map(Option.filter((value) => value !== "")),
    Effect.orElseSucceed(() => Option.none<string>())
  )

/** The variables of these names that are set, in their order. */
const variables = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const set: Array<readonly [name: string, value: string]> = []
  for (const name of names) {
    const value = yield* variable(name)
    if (Option.isSome(value)) set.push([name, value.value])
  }
  return set
})

/**
 * Whether `NO_PROXY` leaves a host out, as `fetch` of Node reads it: names, which stand for all below them too, with a dot or
 * `*.` before them or not, and with a port or without; or one `*` for all. Ranges of addresses are names like any other.
 */
export const isLeftOut = (noProxy: string, { hostname, port, protocol }: URL): boolean => {
  if (noProxy === "*") return true
  const actualPort = port === "" ? (protocol === "https:" ? "443" : "80") : port
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const [, withoutPort = entry, ofPort] = /^(.+):(\d+)$/.exec(entry) ?? []
      const name = withoutPort.replace(/^\*?\./, "")
      return (
        (ofPort === undefined || ofPort === actualPort) &&
        (hostname === name || hostname.endsWith(`.${name}`))
      )
    })
}

/** Whether requests of this process go through proxies at all: since it was told to, or since Node was when it started. */
const isUsed = Effect.gen(function* () {
  if (told) return true
  const asked = process.execArgv.includes("--use-env-proxy")
  const flags = process.allowedNodeEnvironmentFlags
  return (
    flags.has("--use-env-proxy") && (asked || Option.contains(yield* variable("NODE_USE_ENV_PROXY"), "1"))
  )
})

/** `Proxy` by the environment. */
export const layer: Layer.Layer<Proxy> = Layer.succeed(
  Proxy,
  Proxy.of({
    routeTo: Effect.fn("Proxy.routeTo")(function* (url): Effect.fn.Return<ProxyRoute | undefined> {
      const [noProxy] = yield* variables(noProxyVariables)
      if (noProxy !== undefined && isLeftOut(noProxy[1], url)) return undefined
      const named = yield* variables(variablesOf(url.protocol))
      for (const [name, value] of named) {
        const address = addressOf(value)
        if (address === undefined) continue
        const route = { variable: name, place: address.host }
        return (yield* isUsed) ? route : { ...route, obstacle: "runtime" }
      }
      const [broken] = named
      if (broken !== undefined) {
        return { variable: broken[0], place: "no address of a proxy that Node can use", obstacle: "address" }
      }
      const [other] = yield* variables(unread)
      return (
        other && { variable: other[0], place: addressOf(other[1])?.host ?? "a proxy", obstacle: "variable" }
      )
    })
  })
)
