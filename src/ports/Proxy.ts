import { Context, type Effect } from "effect"

/** The proxy that requests to a server go through. */
export interface ProxyRoute {
  /** The variable that names it, as in `HTTPS_PROXY`. */
  readonly variable: string
  /** Its host and port; never the name and password that may stand before them. */
  readonly place: string
  /** Requests go through it: the runtime of this program can do that. */
  readonly used: boolean
}

/** The proxies that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, in either case). */
export class Proxy extends Context.Service<
  Proxy,
  {
    /** The proxy between this program and a URL; none where it is reached directly. */
    readonly routeTo: (url: URL) => Effect.Effect<ProxyRoute | undefined>
  }
>()("mcp-cli-oauth/ports/Proxy") {}
