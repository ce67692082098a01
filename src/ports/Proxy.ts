import { Context, type Effect } from "effect"

/** The proxy that the environment names for a server. */
export interface ProxyRoute {
  /** The environment variable, such as `HTTPS_PROXY`. */
  readonly variable: string
  /** Its host and port, without a user name and password. */
  readonly place: string
  /**
   * Why requests do not use it; absent: they do.
   *
   * - `runtime`: this runtime does not use proxies of the environment.
   * - `variable`: the runtime ignores this variable.
   * - `address`: its value is not the address of a proxy.
   * - `loopback`: the server is on this machine.
   */
  readonly obstacle?: "runtime" | "variable" | "address" | "loopback"
}

/** The proxies that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case). */
export class Proxy extends Context.Service<
  Proxy,
  {
    /** The proxy for a URL; `undefined` without one, or if the host is excluded. */
    readonly routeTo: (url: URL) => Effect.Effect<ProxyRoute | undefined>
  }
>()("mcp-cli-oauth/ports/Proxy") {}
