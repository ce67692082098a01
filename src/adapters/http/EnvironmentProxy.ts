import { Config, Effect, Layer } from "effect"
import { isNeverProxied } from "../../domain/SecureUrl.ts"
import { Proxy, type ProxyRoute } from "../../ports/Proxy.ts"

/** `setGlobalProxyFromEnv` of Node, which its types have in every version: it came with 24.14 and 25.4. */
const setter = (): ((env: NodeJS.ProcessEnv) => unknown) | undefined =>
  (process.getBuiltinModule("node:http") as Partial<typeof import("node:http")>).setGlobalProxyFromEnv

/** The variables for a protocol; the first that is set counts. `fetch` of Node uses the HTTP proxy for HTTPS, too. */
const variablesOf = (protocol: string): ReadonlyArray<string> =>
  protocol === "https:"
    ? ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"]
    : ["http_proxy", "HTTP_PROXY"]

/** Variables that other programs read for every protocol, and Node ignores. */
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

/** Parses the address of a proxy, with or without a scheme. `undefined` for an address at which Node would throw. */
const addressOf = (text: string): URL | undefined => {
  if (text === "") return undefined
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || !["http:", "https:", "socks5:", "socks:"].includes(url.protocol)) return undefined
  const { hash, password, pathname, search, username } = url
  const isOrigin = url.host !== "" && ["", "/"].includes(`${pathname}${search}${hash}`)
  return isOrigin && isDecodable(username) && isDecodable(password) ? url : undefined
}

/** Runs `act` with an environment without malformed proxy addresses. */
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

/** True once {@link useProxyOfEnvironment} has turned on proxies. */
let isTurnedOn = false

/**
 * Sends the requests of this process through the proxies of its environment. Node does so only on request, and throws at
 * a malformed address, which is ignored here.
 */
export const useProxyOfEnvironment = (env: NodeJS.ProcessEnv): void => {
  const addressFor = (protocol: string) =>
    variablesOf(protocol)
      .map((name) => addressOf(env[name] ?? ""))
      .find((address) => address !== undefined)?.href ?? ""
  const [http, https] = [addressFor("http:"), addressFor("https:")]
  if (http === "" && https === "") return
  // Loads the HTTP stack of Node, which most commands never need.
  const set = setter()
  if (set === undefined) return
  const noProxy = env["no_proxy"] || env["NO_PROXY"] || ""
  try {
    // Node reads the environment for what is not passed.
    withoutBrokenVariables(() => set({ http_proxy: http, https_proxy: https, no_proxy: noProxy }))
    isTurnedOn = true
  } catch {
    // This version of Node has no SOCKS. `routeTo` reports that the proxy is not used.
    isTurnedOn = false
  }
}

/** The value of a variable; empty if it is not set. */
const valueOf = (name: string) =>
  Config.String(name).pipe(
    Config.withDefault(""),
    Effect.orElseSucceed(() => "")
  )

/** The variables of these names that are set, in this order. */
const variables = (names: ReadonlyArray<string>) =>
  Effect.forEach(names, (name) => Effect.map(valueOf(name), (value) => ({ name, value }))).pipe(
    Effect.map((all) => all.filter(({ value }) => value !== ""))
  )

/**
 * True if `NO_PROXY` excludes the host of a URL, by the rules of Node's `fetch`. Each entry is a host name that includes
 * its subdomains, optionally with a leading `.` or `*.` and a port. A single `*` excludes every host. Address ranges are
 * not supported.
 */
export const isExcluded = (noProxy: string, { hostname, port, protocol }: URL): boolean => {
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

/** The proxy of the environment that requests to a URL use. */
export interface ProxyInUse {
  readonly variable: string
  readonly address: URL
}

/** The proxy that `fetch` uses for a URL, if Node uses the proxies of the environment. `undefined`: none. */
export const proxyInUse = (url: URL): ProxyInUse | undefined => {
  const { env } = process
  if (isExcluded(env["no_proxy"] || env["NO_PROXY"] || "", url)) return undefined
  for (const variable of variablesOf(url.protocol)) {
    const address = addressOf(env[variable] ?? "")
    if (address !== undefined) return { variable, address }
  }
  return undefined
}

/** True if requests of this process use proxies: turned on above, or when Node started. */
const isUsed = Effect.gen(function* () {
  if (isTurnedOn) return true
  const flag = "--use-env-proxy"
  if (!process.allowedNodeEnvironmentFlags.has(flag)) return false
  return process.execArgv.includes(flag) || (yield* valueOf("NODE_USE_ENV_PROXY")) === "1"
})

/** Reads the proxies from the environment. */
export const layer: Layer.Layer<Proxy> = Layer.succeed(
  Proxy,
  Proxy.of({
    routeTo: Effect.fn("Proxy.routeTo")(function* (url): Effect.fn.Return<ProxyRoute | undefined> {
      const [noProxy] = yield* variables(noProxyVariables)
      if (noProxy !== undefined && isExcluded(noProxy.value, url)) return undefined
      const named = yield* variables(variablesOf(url.protocol))
      for (const { name, value } of named) {
        const address = addressOf(value)
        if (address === undefined) continue
        const route = { variable: name, place: address.host }
        if (isNeverProxied(url.hostname)) return { ...route, obstacle: "loopback" }
        return (yield* isUsed) ? route : { ...route, obstacle: "runtime" }
      }
      const [malformed] = named
      if (malformed !== undefined) {
        return {
          variable: malformed.name,
          place: "no address of a proxy that Node can use",
          obstacle: "address"
        }
      }
      const [other] = yield* variables(unread)
      if (other === undefined || isNeverProxied(url.hostname)) return undefined
      return { variable: other.name, place: addressOf(other.value)?.host ?? "a proxy", obstacle: "variable" }
    })
  })
)
