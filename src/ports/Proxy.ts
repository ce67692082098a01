import { Context, type Effect } from "effect"

/** The proxy that the environment names for a server. */
export interface ProxyRoute {
  /** The variable that names it, as in `HTTPS_PROXY`. */
  readonly variable: string
  /** Its host and port, where it has them; never the name and password that may stand before them. */
  readonly place: string
  /**
   * Why requests do not go through it; absent: they do.
   *
   * - `runtime`: the runtime of this program does not use proxies of the environment.
   * - `variable`: nothing reads this variable.
   * - `address`: what it says is no address of a proxy.
   */
  readonly obstacle?: "runtime" | "variable" | "address"
}

/** The proxies that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case). */
export class Proxy extends Context.Service<
  Proxy,
  {
    /** The proxy that the environment names for a URL; none where it names none, or leaves the host out. */
    readonly routeTo: (url: URL) => Effect.Effect<ProxyRoute | undefined>
  }
>()("mcp-cli-oauth/ports/Proxy") {}
