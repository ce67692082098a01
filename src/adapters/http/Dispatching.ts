import { isNeverProxied } from "../../domain/SecureUrl.ts"

/** The part of undici, the HTTP client below `fetch` of Node, that is used here. */
export interface Dispatcher {
  readonly dispatch: (options: object, handler: unknown) => boolean
}
type AgentClass = new (options?: object) => Dispatcher

const place = Symbol.for("undici.globalDispatcher.1")

const held = (): Dispatcher | undefined => (globalThis as { readonly [place]?: Dispatcher })[place]

/** True once this process has loaded undici, or something else that dispatches the requests of `fetch`. */
export const isLoaded = (): boolean => held() !== undefined

/** The dispatcher of `fetch`. Absent in other runtimes. */
const current = (): Dispatcher | undefined => {
  // Node loads undici with the first use of what it brings.
  if (!isLoaded()) Reflect.get(globalThis, "Headers")
  return held()
}

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

/** Kept: `import` takes a tenth of a millisecond for a module that is loaded already. */
let idleConnections: typeof import("./IdleConnections.ts") | undefined

/**
 * The dispatcher for a request to this URL; `undefined` where there is no undici.
 *
 * - Requests to loopback do not use the proxies of the environment. http is allowed there, so a proxy would see tokens and
 *   codes. `NO_PROXY` cannot do this: Node has no ranges in it.
 * - Other requests connect through an HTTP proxy by `ProxyTunnel`. Undici connects again, thousands of times a second, while
 *   a proxy closes the connection, and does not say what the proxy answered.
 * - A fresh one uses a new connection, and closes it after the answer. A dispatcher that the program has set is used as it is.
 * - Connections that the server may close soon are closed first.
 * - Undici gives up after 300 seconds without a head or a part of the body. The callers have their own timeouts.
 */
export const dispatcherFor = async (url: URL, fresh = false): Promise<Dispatcher | undefined> => {
  const base = current()
  if (base === undefined) return undefined
  const { held, make } = await sharedFor(url, base)
  idleConnections ??= await import("./IdleConnections.ts")
  idleConnections.closeIdleConnections(url.origin)
  const chosen = fresh ? make() : held()
  return {
    dispatch: (options, handler) =>
      chosen.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0, reset: fresh }, handler)
  }
}

/** Ends in the next turn of the event loop. Not every place with undici has one. */
const nextTurn = (): Promise<void> =>
  typeof setImmediate === "function"
    ? new Promise((resolve) => void setImmediate(resolve))
    : Promise.resolve()

let freed: Promise<void> | undefined

/** Notes that an answer is about to end. Undici frees its connection in the turn of the event loop after that. */
export const noteEnd = (): void => {
  freed ??= Promise.resolve()
    .then(nextTurn)
    .then(() => void (freed = undefined))
}

/**
 * Waits until undici has freed the connection of an answer that has just ended. A request before that would open another one:
 * two to three round trips with TLS.
 */
export const connectionsFreed = (): Promise<void> | undefined => freed

/** Options of `fetch` for a request to this URL. It is not known when the answer before it has ended. */
export const dispatchOptions = async (url: URL, fresh?: boolean): Promise<RequestInit> => {
  const dispatcher = await dispatcherFor(url, fresh)
  if (dispatcher === undefined) return {}
  await nextTurn()
  return { dispatcher } as RequestInit
}
