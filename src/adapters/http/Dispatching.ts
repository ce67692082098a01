import { isNeverProxied } from "../../domain/SecureUrl.ts"

/** The part of undici, the HTTP client below `fetch` of Node, that is used here. */
interface Dispatcher {
  readonly dispatch: (options: object, handler: unknown) => boolean
}
type ProxyAgentClass = new (options: object) => Dispatcher

const place = Symbol.for("undici.globalDispatcher.1")

/** The dispatcher of `fetch`. Absent in other runtimes. */
const current = (): Dispatcher | undefined => (globalThis as { readonly [place]?: Dispatcher })[place]

/** The class of the dispatcher that uses the proxies of the environment. Absent: no proxy, or one that the program has set. */
const proxyAgentClass = (dispatcher: Dispatcher): ProxyAgentClass | undefined =>
  dispatcher.constructor.name === "EnvHttpProxyAgent"
    ? (dispatcher.constructor as ProxyAgentClass)
    : undefined

/** Every host is excluded, and an empty string, unlike an absent option, does not stand for the variable. */
const withoutProxy = { httpProxy: "", httpsProxy: "", noProxy: "*" }

let direct: Dispatcher | undefined
/** By the address of the proxy. */
const tunnels = new Map<string, Dispatcher>()

const dispatcherFor = async (url: URL, base: Dispatcher): Promise<Dispatcher> => {
  const ProxyAgent = proxyAgentClass(base)
  if (ProxyAgent === undefined) return base
  if (isNeverProxied(url.hostname)) return (direct ??= new ProxyAgent(withoutProxy))
  const { proxyInUse } = await import("./EnvironmentProxy.ts")
  const proxy = proxyInUse(url)
  if (proxy === undefined || !/^https?:$/.test(proxy.address.protocol)) return base
  const key = `${proxy.variable} ${proxy.address.href}`
  const known = tunnels.get(key)
  if (known !== undefined) return known
  const { connectThrough } = await import("./ProxyTunnel.ts")
  const tunnel = new ProxyAgent({ ...withoutProxy, connect: connectThrough(proxy) })
  tunnels.set(key, tunnel)
  return tunnel
}

/**
 * Options of `fetch` for a request to this URL.
 *
 * - Requests to loopback do not use the proxies of the environment. http is allowed there, so a proxy would see tokens and
 *   codes. `NO_PROXY` cannot do this: Node has no ranges in it.
 * - Other requests connect through an HTTP proxy by `ProxyTunnel`. Undici connects again, thousands of times a second, while
 *   a proxy closes the connection, and does not say what the proxy answered.
 * - Undici gives up after 300 seconds without a head or a part of the body. The callers have their own timeouts.
 */
export const dispatchOptions = async (url: URL): Promise<RequestInit> => {
  const base = current()
  if (base === undefined) return {}
  const chosen = await dispatcherFor(url, base)
  const dispatcher: Dispatcher = {
    dispatch: (options, handler) =>
      chosen.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler)
  }
  return { dispatcher } as RequestInit
}
