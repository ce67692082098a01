import { isNeverProxied } from "../../domain/SecureUrl.ts"

/** The part of undici, the HTTP client below `fetch` of Node, that is used here. */
interface Dispatcher {
  readonly constructor: { readonly name: string }
}

const place = Symbol.for("undici.globalDispatcher.1")

/** The proxies of the environment that `fetch` uses. Absent: it uses none, or the program has set others. */
const proxies = (): Dispatcher | undefined => {
  const current = (globalThis as { readonly [place]?: Dispatcher })[place]
  return current?.constructor.name === "EnvHttpProxyAgent" ? current : undefined
}

let direct: Dispatcher | undefined

/**
 * Options of `fetch` that keep a request to loopback away from the proxies of the environment. http is allowed there, so a
 * proxy would see tokens and codes. `NO_PROXY` cannot do this: Node has no ranges in it.
 */
export const withoutProxyOnLoopback = (url: URL): RequestInit => {
  if (!isNeverProxied(url.hostname)) return {}
  const current = proxies()
  if (current === undefined) return {}
  // An empty string, unlike an absent option, does not stand for the variable.
  direct ??= Reflect.construct(current.constructor as new (options: object) => Dispatcher, [
    { httpProxy: "", httpsProxy: "", noProxy: "*" }
  ])
  return { dispatcher: direct } as RequestInit
}
