import { isNeverProxied } from "../../domain/SecureUrl.ts"

/** The part of undici, the HTTP client below `fetch` of Node, that is used here. */
interface Dispatcher {
  readonly dispatch: (options: object, handler: unknown) => boolean
}
type AgentClass = new (options?: object) => Dispatcher

const place = Symbol.for("undici.globalDispatcher.1")

/** The dispatcher of `fetch`. Absent in other runtimes. */
const current = (): Dispatcher | undefined => (globalThis as { readonly [place]?: Dispatcher })[place]

/** True if a dispatcher uses the proxies of the environment. False: no proxy, or one that the program has set. */
const isProxyAgent = (dispatcher: Dispatcher): boolean => dispatcher.constructor.name === "EnvHttpProxyAgent"

/** Every host is excluded, and an empty string, unlike an absent option, does not stand for the variable. */
const withoutProxy = { httpProxy: "", httpsProxy: "", noProxy: "*" }

let direct: Dispatcher | undefined
/** By the address of the proxy. */
const tunnels = new Map<string, Dispatcher>()

/** A dispatcher that is shared by requests, and how to make another one like it. */
interface Shared {
  readonly held: () => Dispatcher
  readonly make: () => Dispatcher
}

const sharedFor = async (url: URL, base: Dispatcher): Promise<Shared> => {
  const Agent = base.constructor as AgentClass
  const own = {
    held: () => base,
    make: () => (Agent.name === "Agent" || isProxyAgent(base) ? new Agent() : base)
  }
  if (!isProxyAgent(base)) return own
  if (isNeverProxied(url.hostname)) {
    const make = () => new Agent(withoutProxy)
    return { held: () => (direct ??= make()), make }
  }
  const { proxyInUse } = await import("./EnvironmentProxy.ts")
  const proxy = proxyInUse(url)
  if (proxy === undefined || !/^https?:$/.test(proxy.address.protocol)) return own
  const key = `${proxy.variable} ${proxy.address.href}`
  const { connectThrough } = await import("./ProxyTunnel.ts")
  const make = () => new Agent({ ...withoutProxy, connect: connectThrough(proxy) })
  return {
    held: () => {
      const tunnel = tunnels.get(key) ?? make()
      tunnels.set(key, tunnel)
      return tunnel
    },
    make
  }
}

/**
 * Options of `fetch` for a request to this URL.
 *
 * - Requests to loopback do not use the proxies of the environment. http is allowed there, so a proxy would see tokens and
 *   codes. `NO_PROXY` cannot do this: Node has no ranges in it.
 * - Other requests connect through an HTTP proxy by `ProxyTunnel`. Undici connects again, thousands of times a second, while
 *   a proxy closes the connection, and does not say what the proxy answered.
 * - A fresh one uses a new connection, and closes it after the answer. A dispatcher that the program has set is used as it is.
 * - A request that follows an answer at once waits for one turn of the event loop. Undici frees the connection of the answer in
 *   its next turn, and would open another one before: two to three round trips with TLS.
 * - Connections that the server may close soon are closed first.
 * - Undici gives up after 300 seconds without a head or a part of the body. The callers have their own timeouts.
 */
export const dispatchOptions = async (url: URL, fresh = false): Promise<RequestInit> => {
  const base = current()
  if (base === undefined) return {}
  const { held, make } = await sharedFor(url, base)
  const { closeIdleConnections } = await import("./IdleConnections.ts")
  closeIdleConnections(url.origin)
  // Not every place with undici has it.
  if (typeof setImmediate === "function") await new Promise<void>((resolve) => void setImmediate(resolve))
  const chosen = fresh ? make() : held()
  const dispatcher: Dispatcher = {
    dispatch: (options, handler) =>
      chosen.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0, reset: fresh }, handler)
  }
  return { dispatcher } as RequestInit
}
