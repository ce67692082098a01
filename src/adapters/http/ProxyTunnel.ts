import type { Socket } from "node:net"
import { nodeModule } from "../platform/NodeModule.ts"
import { codeOf } from "../platform/Errno.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { ProxyInUse } from "./EnvironmentProxy.ts"
import { connectSeconds, maxProxyHead } from "./HttpLimits.ts"

/** The proxy, and not the server, is why there is no connection. Nothing was sent to the server. */
export class ProxyError extends Error {
  /** The name that undici and `FetchTransport` know it by. */
  readonly code = "ERR_PROXY"
  /** The status of its answer. Absent: it did not answer. */
  readonly status: number | undefined

  constructor({ address, variable }: ProxyInUse, problem: string, status?: number) {
    super(`the proxy ${address.host} (${variable}) ${problem}`)
    this.status = status
  }
}

/** What undici wants to connect to. */
interface Target {
  readonly hostname: string
  readonly protocol: string
  readonly port: string
  readonly servername?: string | undefined
}
type Connected = (error: Error | null, socket: Socket | null) => void

/** What the head of an answer to CONNECT says; `undefined` if the tunnel is open. */
const refusal = (head: string): readonly [problem: string, status?: number] | undefined => {
  const [, digits, reason = ""] = /^HTTP\/1\.[01] (\d{3}) ?([^\r\n]*)/.exec(head) ?? []
  if (digits === undefined) return ["does not answer as an HTTP proxy"]
  const status = Number(digits)
  if (status >= 200 && status < 300) return undefined
  const location = /^location:[ \t]*([^\r\n]+)/im.exec(head)?.[1]?.trim() ?? ""
  const target = status >= 300 && status < 400 ? URL.parse(location) : null
  if (target !== null) return [`redirects to ${printable(target.host)} (HTTP ${status})`, status]
  return [`answered HTTP ${status}${reason === "" ? "" : ` (${printable(reason)})`}`, status]
}

const authorizationOf = ({ password, username }: URL): string => {
  if (username === "" && password === "") return ""
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Proxy-Authorization: Basic ${Buffer.from(text).toString("base64")}\r\n`
}

const reasonOf = (error: Error): string => {
  const code = codeOf(error) ?? ""
  switch (code) {
    case "ECONNREFUSED":
      return "cannot be reached: the connection was refused"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "cannot be reached: no such host"
    case "ECONNRESET":
    case "EPIPE":
      return "closed the connection"
    default:
      return /^ERR_SSL|^EPROTO|CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code)
        ? `cannot be reached by TLS (${code}): a proxy that speaks no TLS has an address with http://`
        : `cannot be reached${code === "" ? "" : ` (${code})`}`
  }
}

/**
 * A connector of undici that opens one tunnel through an HTTP proxy (RFC 9110 §9.3.6), with TLS to the server in it. Fails with
 * a {@link ProxyError}, or with the error of TLS.
 *
 * @param seconds until the connection has to be there
 */
export const connectThrough =
  (proxy: ProxyInUse, seconds = connectSeconds) =>
  ({ hostname, port, protocol, servername }: Target, connected: Connected): void => {
    const net = nodeModule("node:net")
    const tls = nodeModule("node:tls")
    if (net === undefined || tls === undefined) return connected(new Error("no sockets"), null)
    const { address } = proxy
    const isTls = protocol === "https:"
    const host = address.hostname.replace(/^\[|\]$/g, "")
    const at = { host, port: Number(address.port || (address.protocol === "https:" ? 443 : 80)) }
    const name = (hostname: string) => (net.isIP(hostname) === 0 ? { servername: hostname } : {})
    const socket: Socket =
      address.protocol === "https:" ? tls.connect({ ...at, ...name(host) }) : net.connect(at)
    let isTunnel = false
    const end = (error: Error) => {
      clearTimeout(timer)
      socket.destroy()
      const notify = connected
      connected = () => undefined
      notify(error, null)
    }
    const fail = (...problem: readonly [problem: string, status?: number]) =>
      end(new ProxyError(proxy, ...problem))
    const timer = setTimeout(() => fail(`did not connect within ${seconds} seconds`), seconds * 1000)
    timer.unref()

    const succeed = (open: Socket) => {
      clearTimeout(timer)
      connected(null, open)
    }
    const startTls = () => {
      const sni = servername ?? hostname.replace(/^\[|\]$/g, "")
      const secure = tls.connect({ socket, ALPNProtocols: ["http/1.1"], ...name(sni) })
      const onError = (error: Error) => {
        if (codeOf(error) === "ECONNRESET") return fail("closed the connection to the server before TLS")
        secure.destroy()
        end(error)
      }
      secure.once("error", onError)
      secure.once("secureConnect", () => {
        secure.off("error", onError)
        succeed(secure)
      })
    }

    let head = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk])
      const length = head.indexOf("\r\n\r\n")
      if (length < 0) {
        if (head.length > maxProxyHead) fail("does not answer as an HTTP proxy")
        return
      }
      const problem = refusal(head.subarray(0, length).toString("latin1"))
      if (problem !== undefined) return fail(...problem)
      isTunnel = true
      socket.off("data", onData).off("error", onError).off("end", onEnd).pause()
      if (head.length > length + 4) socket.unshift(head.subarray(length + 4))
      return isTls ? startTls() : succeed(socket)
    }
    const onError = (error: Error) => fail(reasonOf(error))
    const onEnd = () => {
      if (!isTunnel) fail("closed the connection")
    }
    socket.on("data", onData).on("error", onError).on("end", onEnd)
    socket.once(address.protocol === "https:" ? "secureConnect" : "connect", () => {
      const authority = `${hostname}:${port || (isTls ? 443 : 80)}`
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorizationOf(address)}\r\n`)
    })
  }
