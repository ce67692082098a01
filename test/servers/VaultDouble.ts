// @effect-diagnostics globalDate:off
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"

// A double of Vault's HTTP API, written from its documentation and from the source of OpenBao: what a real server does
// with the routes that we use, and a complaint about everything else. It is no proof of anything on a real Vault.

/** What may go wrong, once or more often, with requests whose "METHOD path" matches. */
export interface Fault {
  readonly match?: RegExp
  /** How often; absent: once. */
  readonly times?: number
  readonly kind:
    | "drop"
    | "drop after"
    | "sealed"
    | "standby"
    | "429"
    | "500"
    | "html 502"
    | "412"
    | "upgrading"
    | "conflict"
    | "no json"
    | "endless"
  /** Seconds, with 429. */
  readonly retryAfter?: number
  /** Sends the request elsewhere: 307 with this address. */
  readonly redirectTo?: string
  /** Waits for this before it answers. */
  readonly until?: Promise<unknown>
}

/** What a token may do; a token without rules is root's. */
export interface TokenOptions {
  /** "METHOD path" of what it may do. */
  readonly allows?: RegExp
  readonly ttlSeconds?: number
  readonly renewable?: boolean
}

interface Token extends TokenOptions {
  expiresAt: number
}

interface Version {
  readonly data: unknown
  readonly createdAt: number
  deletedAt?: number
}

interface Entry {
  current: number
  maxVersions: number
  readonly versions: Map<number, Version>
}

interface Mount {
  readonly version: 1 | 2 | "transit"
  readonly first: Map<string, unknown>
  readonly second: Map<string, Entry>
}

/** A running double. */
export interface VaultDouble {
  readonly url: URL
  readonly rootToken: string
  /** What was asked in a way that Vault does not document: a test asserts that it is empty. */
  readonly violations: Array<string>
  /** "METHOD path" of each request. */
  readonly requests: Array<string>
  readonly createToken: (options?: TokenOptions) => string
  /** Ends a token. */
  readonly revoke: (token: string) => void
  readonly mount: (path: string, version: Mount["version"]) => void
  /** A way to log in: the body that it takes, for a token of these options. */
  readonly auth: (path: string, body: Readonly<Record<string, string>>, token?: TokenOptions) => void
  readonly fault: (fault: Fault) => void
  /** Moves Vault's clock, in milliseconds. */
  readonly advance: (milliseconds: number) => void
  /** The data of a record, past everything; with every version that is kept. */
  readonly versionsOf: (mount: string, path: string) => ReadonlyArray<unknown>
  readonly pathsOf: (mount: string) => ReadonlyArray<string>
  readonly close: () => Promise<void>
}

class Answer {
  readonly status: number
  readonly body: unknown
  constructor(status: number, body?: unknown) {
    this.status = status
    this.body = body
  }
}

const errors = (status: number, ...said: ReadonlyArray<string>) => new Answer(status, { errors: said })
const denied = errors(403, "permission denied")
const noHandler = errors(404, `no handler for route "this". route entry not found.`)

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}

/** Starts one with `secret/` (version 2) and `kv/` (version 1). */
export const startVaultDouble = async (
  options: {
    readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string }
    /** The one namespace that there is; absent: the root, without a name. */
    readonly namespace?: string
  } = {}
): Promise<VaultDouble> => {
  const rootToken = `root-${randomUUID()}`
  const tokens = new Map<string, Token>([[rootToken, { expiresAt: Number.POSITIVE_INFINITY }]])
  const mounts = new Map<string, Mount>()
  const logins = new Map<string, { body: Readonly<Record<string, string>>; token: TokenOptions }>()
  const faults: Array<{ readonly fault: Fault; left: number }> = []
  const violations: Array<string> = []
  const requests: Array<string> = []
  let skew = 0
  const now = () => Date.now() + skew

  const mount = (path: string, version: Mount["version"]) =>
    void mounts.set(path, { version, first: new Map(), second: new Map() })
  mount("secret", 2)
  mount("kv", 1)

  const createToken = (rules: TokenOptions = {}) => {
    const id = `hvs.${randomUUID()}`
    tokens.set(id, { ...rules, expiresAt: now() + (rules.ttlSeconds ?? 3600) * 1000 })
    return id
  }

  const mountOf = (path: string): readonly [string, Mount, string] | undefined => {
    for (const [name, found] of mounts) {
      if (path === name || path.startsWith(`${name}/`)) return [name, found, path.slice(name.length + 1)]
    }
    return undefined
  }

  /** Complains of fields that the route does not have. */
  const check = (what: string, value: unknown, known: Readonly<Record<string, string>>): boolean => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      violations.push(`${what}: the body is no object`)
      return false
    }
    for (const [name, field] of Object.entries(value)) {
      if (known[name] === undefined) violations.push(`${what}: ${name} is no field`)
      else if (typeof field !== known[name]) violations.push(`${what}: ${name} is no ${known[name]}`)
    }
    return true
  }

  const listed = (names: Iterable<string>, prefix: string) => {
    const start = prefix === "" ? "" : `${prefix}/`
    const keys = [...names]
      .filter((name) => name.startsWith(start))
      .map((name) => name.slice(start.length).replace(/\/.*/, "/"))
    return keys.length === 0
      ? errors(404)
      : new Answer(200, { data: { keys: [...new Set(keys)].toSorted() } })
  }

  const first = ({ first: data }: Mount, method: string, path: string, list: boolean, body: unknown) => {
    if (list) return listed(data.keys(), path)
    switch (method) {
      case "GET":
        return data.has(path) ? new Answer(200, { data: data.get(path) }) : errors(404)
      case "POST":
        if (typeof body !== "object" || body === null) return errors(400, "missing data fields")
        data.set(path, body)
        return new Answer(204)
      case "DELETE":
        data.delete(path)
        return new Answer(204)
      default:
        return errors(405, "unsupported operation")
    }
  }

  const time = (at: number) => new Date(at).toISOString().replace("Z", "000000Z")
  const metadata = (version: number, { createdAt, deletedAt }: Version) => ({
    version,
    created_time: time(createdAt),
    deletion_time: deletedAt === undefined ? "" : time(deletedAt),
    destroyed: false,
    custom_metadata: null
  })

  const write = (entry: Entry, data: unknown) => {
    entry.current += 1
    const version: Version = { data, createdAt: now() }
    entry.versions.set(entry.current, version)
    const kept = entry.maxVersions === 0 ? 10 : entry.maxVersions
    for (const old of entry.versions.keys()) if (old <= entry.current - kept) entry.versions.delete(old)
    return new Answer(200, { data: metadata(entry.current, version) })
  }

  const second = (
    { second: entries }: Mount,
    method: string,
    path: string,
    list: boolean,
    body: unknown,
    conflict: boolean
  ): Answer => {
    const [part = "", ...rest] = path.split("/")
    const name = rest.join("/")
    const fresh = (): Entry => ({ current: 0, maxVersions: 0, versions: new Map() })
    if (part === "metadata") {
      if (list) return listed(entries.keys(), name)
      if (method === "DELETE") {
        entries.delete(name)
        return new Answer(204)
      }
      if (method === "POST" && check(`metadata of ${name}`, body, { max_versions: "number" })) {
        const entry = entries.get(name) ?? fresh()
        entry.maxVersions = (body as { max_versions?: number }).max_versions ?? entry.maxVersions
        entries.set(name, entry)
        return new Answer(204)
      }
    }
    if (part === "data" && !list && name !== "") {
      const entry = entries.get(name)
      if (method === "GET") {
        const version = entry?.versions.get(entry.current)
        if (entry === undefined || version === undefined) return errors(404)
        const found = metadata(entry.current, version)
        return version.deletedAt === undefined
          ? new Answer(200, { data: { data: version.data, metadata: found } })
          : new Answer(404, { data: { data: null, metadata: found } })
      }
      if (method === "DELETE") {
        const version = entry?.versions.get(entry.current)
        if (version !== undefined) version.deletedAt = now()
        return new Answer(204)
      }
      if (method === "POST" && check(`data of ${name}`, body, { options: "object", data: "object" })) {
        const { data, options: rules } = body as { options?: { cas?: number }; data?: unknown }
        if (data === undefined) return errors(400, "no data provided")
        if (rules !== undefined) check(`options of ${name}`, rules, { cas: "number" })
        const target = entry ?? fresh()
        if (conflict) write(target, { ...(target.versions.get(target.current)?.data as object), other: "1" })
        entries.set(name, target)
        if (rules?.cas === undefined) violations.push(`data of ${name} is written without check-and-set`)
        else if (rules.cas !== target.current) {
          return errors(400, "check-and-set parameter did not match the current version")
        }
        if (target.maxVersions !== 1) violations.push(`data of ${name} keeps old versions`)
        return write(target, data)
      }
    }
    return new Answer(404, {
      data: null,
      warnings: [
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use."
      ]
    })
  }

  const self = (token: Token, method: string, path: string): Answer | undefined => {
    const id = [...tokens].find(([, found]) => found === token)?.[0] ?? ""
    switch (`${method} ${path}`) {
      case "GET auth/token/lookup-self": {
        const left = Number.isFinite(token.expiresAt) ? Math.floor((token.expiresAt - now()) / 1000) : 0
        return new Answer(200, { data: { id, ttl: left, renewable: token.renewable ?? false, policies: [] } })
      }
      case "POST auth/token/renew-self":
        if (token.renewable !== true) return errors(400, "lease is not renewable")
        token.expiresAt = now() + (token.ttlSeconds ?? 3600) * 1000
        return new Answer(200, {
          auth: { client_token: id, lease_duration: token.ttlSeconds, renewable: true }
        })
      case "POST auth/token/revoke-self":
        tokens.delete(id)
        return new Answer(204)
    }
    return undefined
  }

  const route = (
    method: string,
    path: string,
    list: boolean,
    token: string | undefined,
    body: unknown,
    conflict: boolean
  ): Answer => {
    const login = logins.get(path)
    if (login !== undefined && method === "POST") {
      if (token !== undefined) violations.push("a login has a token")
      const given = body as Readonly<Record<string, string>>
      const fits =
        Object.keys(login.body).length === Object.keys(given).length &&
        Object.entries(login.body).every(([name, value]) => given[name] === value)
      if (!fits) return errors(400, "invalid role or secret ID")
      const ttl = login.token.ttlSeconds ?? 3600
      return new Answer(200, {
        auth: {
          client_token: createToken(login.token),
          lease_duration: ttl,
          renewable: login.token.renewable
        }
      })
    }
    const known = token === undefined ? undefined : tokens.get(token)
    if (known === undefined || known.expiresAt <= now()) return denied
    const own = self(known, method, path)
    if (own !== undefined) return own
    const allowed = known.allows?.test(`${method} ${path}`) ?? true
    if (method === "GET" && path.startsWith("sys/internal/ui/mounts/")) {
      const asked = path.slice("sys/internal/ui/mounts/".length)
      const found = mountOf(asked)
      if (found === undefined || !allowed) {
        return errors(
          403,
          `preflight capability check returned 403, please ensure client's policies grant access to path "${asked}/"`
        )
      }
      const [name, { version }] = found
      return new Answer(200, {
        data: {
          path: `${name}/`,
          type: version === "transit" ? "transit" : "kv",
          options: version === 2 ? { version: "2" } : null
        }
      })
    }
    if (!allowed) return denied
    const found = mountOf(path)
    if (found === undefined) return noHandler
    const [, engine, rest] = found
    if (engine.version === "transit") return errors(404, "unsupported path")
    return engine.version === 1
      ? first(engine, method, rest, list, body)
      : second(engine, method, rest, list, body, conflict)
  }

  const send = (response: ServerResponse, { body, status }: Answer, headers: Record<string, string> = {}) => {
    response.writeHead(status, {
      date: new Date(now()).toUTCString(),
      "cache-control": "no-store",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers
    })
    response.end(body === undefined ? undefined : `${JSON.stringify(body)}\n`)
  }

  /** Answers as the fault says; false where the request goes on. */
  const misbehave = (fault: Fault, response: ServerResponse, socket: Socket, where: string): boolean => {
    if (fault.redirectTo !== undefined) {
      response.writeHead(307, { location: `${fault.redirectTo}${where}` }).end()
      return true
    }
    switch (fault.kind) {
      case "drop":
        socket.destroy()
        return true
      case "sealed":
        send(response, errors(503, "Vault is sealed"))
        return true
      case "standby":
        send(response, errors(503, "node is not active"))
        return true
      case "429":
        send(
          response,
          errors(429, `request path "x": rate limit quota exceeded`),
          fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) }
        )
        return true
      case "500":
        send(response, errors(500, "internal error"))
        return true
      case "html 502":
        response.writeHead(502, { "content-type": "text/html" }).end("<html>bad gateway</html>")
        return true
      case "412":
        send(response, errors(412, "required index state not present"))
        return true
      case "upgrading":
        send(
          response,
          errors(
            400,
            "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."
          )
        )
        return true
      case "no json":
        response.writeHead(200, { "content-type": "application/json" }).end("{ not json")
        return true
      case "endless": {
        response.writeHead(200, { "content-type": "application/json" })
        const more = () => {
          while (!response.destroyed && response.write(" ".repeat(65_536)));
        }
        response.on("drain", more)
        more()
        return true
      }
      default:
        return false
    }
  }

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "", "http://vault")
    const method = request.method ?? ""
    const path = decodeURIComponent(url.pathname.replace(/^\/v1\//, ""))
    const what = `${method} ${path}`
    requests.push(what)
    const text = await bodyOf(request)
    if (!url.pathname.startsWith("/v1/")) violations.push(`${what}: outside the API`)
    if (/\/\/|\/\.\.?(\/|$)/.test(path)) violations.push(`${what}: the path is not clean`)
    if (request.headers["x-vault-request"] !== "true") violations.push(`${what}: no X-Vault-Request`)
    if (text !== "" && request.headers["content-type"] !== "application/json")
      violations.push(`${what}: the body is not said to be JSON`)
    for (const [name, value] of url.searchParams) {
      if (name !== "list" || value !== "true" || method !== "GET") violations.push(`${what}: ?${name}`)
    }
    const namespace = request.headers["x-vault-namespace"]
    if (namespace !== undefined && namespace !== options.namespace) {
      return send(response, errors(404, "namespace not found"))
    }
    const found = faults.find(({ fault, left }) => left > 0 && (fault.match?.test(what) ?? true))
    if (found !== undefined) {
      found.left -= 1
      await found.fault.until
      if (misbehave(found.fault, response, request.socket, request.url ?? "")) return
    }
    const inThisNamespace = namespace === options.namespace
    const answer = inThisNamespace
      ? route(
          method,
          path,
          url.searchParams.get("list") === "true",
          request.headers["x-vault-token"]?.toString(),
          text === "" ? undefined : JSON.parse(text),
          found?.fault.kind === "conflict"
        )
      : denied
    if (found?.fault.kind === "drop after") request.socket.destroy()
    else send(response, answer)
  }

  const listener: RequestListener = (request, response) => {
    handle(request, response).catch((error: unknown) => {
      violations.push(String(error))
      response.destroy()
    })
  }
  const server =
    options.tls === undefined
      ? createServer(listener)
      : createSecureServer(
          { ...options.tls, requestCert: options.tls.ca !== undefined, rejectUnauthorized: true },
          listener
        )
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const { port } = server.address() as AddressInfo

  return {
    url: new URL(`${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`),
    rootToken,
    violations,
    requests,
    createToken,
    revoke: (token) => void tokens.delete(token),
    mount,
    auth: (path, body, token = {}) => void logins.set(`auth/${path}/login`, { body, token }),
    fault: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    advance: (milliseconds) => {
      skew += milliseconds
    },
    versionsOf: (name, path) => {
      const found = mounts.get(name)
      if (found?.version === 1) return found.first.has(path) ? [found.first.get(path)] : []
      return [...(found?.second.get(path)?.versions.values() ?? [])].map(({ data }) => data)
    },
    pathsOf: (name) => {
      const found = mounts.get(name)
      return [...(found?.first.keys() ?? []), ...(found?.second.keys() ?? [])]
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    }
  }
}
