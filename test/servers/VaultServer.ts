// @effect-diagnostics globalDate:off
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { DateTime } from "effect"

// A double of the HTTP API of HashiCorp Vault and OpenBao. It conforms to their documentation and to OpenBao's source
// (builtin/logical/kv, vault/token_store.go, vault/logical_system.go, http/handler.go); it is no proof of anything on
// a real server. Where a real server would shrug at a sloppy request, the double refuses it and takes a note.

/** What one pattern of paths allows: `secret/data/app/*`; `+` stands for one segment; the most specific pattern wins. */
export interface PolicyRule {
  readonly path: string
  readonly capabilities: ReadonlyArray<Capability>
}

/** What a policy can allow; `deny` overrules the others of the same pattern. */
export type Capability = "create" | "read" | "update" | "delete" | "list" | "patch" | "deny"

/** A token to be made. */
export interface NewToken {
  /** Without rules the token is root's. Paths are relative to the token's namespace, as in Vault. */
  readonly policies?: ReadonlyArray<PolicyRule>
  /** Leaves out the default policy, which lets a token look itself up, renew itself and revoke itself. */
  readonly noDefaultPolicy?: boolean
  /** Seconds; absent: it never expires. */
  readonly ttlSeconds?: number
  readonly renewable?: boolean
  /** Seconds after its making beyond which no renewal goes. */
  readonly explicitMaxTtlSeconds?: number
  /** How many requests it is good for; absent: any number. */
  readonly uses?: number
  /** A batch token, which is stored nowhere and can be neither renewed nor revoked. */
  readonly isBatch?: boolean
  /** It is valid there and below; absent: the root namespace. */
  readonly namespace?: string
}

/** What is mounted at a path; `casRequired` and `maxVersions` are the configuration of a KV version 2. */
export type NewMount =
  | {
      readonly type: "kv"
      readonly version: 1 | 2
      readonly casRequired?: boolean
      readonly maxVersions?: number
    }
  | { readonly type: "transit" | "pki" | "ssh" }

/** Credentials that a login takes, and the token that it gives. One mount may take several. */
export type NewLogin = (
  | {
      readonly type: "approle"
      readonly roleId: string
      readonly secretId: string
      /** How many logins the secret is good for; absent: any number. */
      readonly secretIdUses?: number
    }
  | { readonly type: "jwt" | "kubernetes"; readonly role: string; readonly jwt: string }
) & {
  /** Below `auth/`; absent: the name of the method. */
  readonly mount?: string
  readonly namespace?: string
  readonly token?: Omit<NewToken, "namespace">
}

/**
 * What can go wrong with a request:
 * - `drop`: the connection ends, nothing was done; `drop after`: it was done, and no answer comes.
 * - `delay`: it waits, and then it is done unless its client has gone; `delay after`: it is done, the answer waits.
 * - `429` (a quota), `500`, `502` (a proxy's HTML), `sealed` (503), `412` (a replica that is behind), `472`, `473`.
 * - `redirect`: 307 to the same path on another server, as a standby does.
 * - `bad JSON` and `endless`: 200 with a body that is none, or never ends; `many values` and `deep`: with one that takes
 *   much more memory, or stack, than its length says.
 * - `upgrading`: a KV mount that is on its way from version 1 to version 2.
 * - `answer`: an answer of `status` with `text` as its body, such as one of a server in front of Vault.
 * - `conflict`: somebody else writes the same key just before; only writes of data meet it.
 */
export type FaultKind =
  | "drop"
  | "drop after"
  | "delay"
  | "delay after"
  | "429"
  | "500"
  | "502"
  | "sealed"
  | "412"
  | "472"
  | "473"
  | "redirect"
  | "bad JSON"
  | "endless"
  | "many values"
  | "deep"
  | "upgrading"
  | "answer"
  | "conflict"

export interface FaultOptions {
  /** How many requests meet it; absent: one. */
  readonly times?: number
  /** Looked for in "METHOD path": `LIST` for a list, the path as it was sent, without `/v1/` and query. */
  readonly match?: RegExp
  /** How long a delay takes; absent: until `release`. */
  readonly milliseconds?: number
  /** With 429: seconds, or whatever else the header shall say; absent: no header, as is Vault's default. */
  readonly retryAfter?: number | string
  /** Where a redirect goes. */
  readonly to?: URL | string
  readonly status?: number
  readonly text?: string
  /** With a conflict: what the other one makes of the data. */
  readonly write?: (current: Fields | undefined) => Fields
}

/** A fault that was asked for. */
export interface Fault {
  /** How many requests met it so far. */
  readonly met: () => number
  /** Resolves when the first request meets it. */
  readonly arrived: Promise<void>
  /** Ends a delay, for those that wait and those to come. */
  readonly release: () => void
  /** No further request meets it. */
  readonly stop: () => void
}

/** A request as it came, without its secrets. */
export interface SeenRequest {
  /** The method; `LIST` for `GET ?list=true`. */
  readonly method: string
  /** As it was sent, without `/v1/` and without its query. */
  readonly path: string
  /** What the header said; "" without one. */
  readonly namespace: string
  readonly hadToken: boolean
  /** By the server's own clock, in milliseconds. */
  readonly at: number
}

/** One version of a record, as a test sees it past every rule. */
export interface SeenVersion {
  readonly version: number
  /** `undefined` when it was destroyed. */
  readonly data: Fields | undefined
  readonly deleted: boolean
}

export interface VaultServerOptions {
  readonly rootToken?: string
  /** Names such as `team` and `team/project`; the parents of a name exist as well. */
  readonly namespaces?: ReadonlyArray<string>
  /** Its clock, in milliseconds; absent: the system's. */
  readonly now?: () => number
  /** Serves HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** With `tls`: asks for a client's certificate, and ends connections without one of this authorizationServer. */
  readonly requestClientCert?: { readonly ca: string }
}

/** A running server. */
export interface VaultServer {
  readonly url: URL
  readonly rootToken: string
  /** What was asked in a way that is not documented; a test asserts that it is empty. */
  readonly violations: Array<string>
  readonly requests: Array<SeenRequest>
  readonly now: () => number
  /** Moves its clock on. */
  readonly advance: (milliseconds: number) => void
  readonly mount: (path: string, what: NewMount, namespace?: string) => void
  readonly createToken: (token?: NewToken) => string
  readonly revoke: (token: string) => void
  /** Whether a token exists and has not expired. */
  readonly isLive: (token: string) => boolean
  readonly login: (login: NewLogin) => void
  readonly fault: (kind: FaultKind, options?: FaultOptions) => Fault
  readonly seal: () => void
  readonly unseal: () => void
  /** It was never initialised, which its routes call sealed. */
  readonly forget: () => void
  /**
   * From now on it redirects to the leader; without one it answers 503. After `milliseconds` by its clock it knows no leader
   * any more: a node that was killed is redirected to for a while.
   */
  readonly standby: (leader?: URL | string, milliseconds?: number) => void
  /** Ends `standby`. */
  readonly activate: () => void
  /** Starts a standby that answers reads, and judges check-and-set, by what it has. */
  readonly startStandby: () => Promise<StandbyNode>
  /** Writes as somebody else would, past tokens and check-and-set. */
  readonly write: (mount: string, path: string, data: Fields, namespace?: string) => void
  /** What is kept of a record; of a KV version 1 there is one version. */
  readonly versions: (mount: string, path: string, namespace?: string) => ReadonlyArray<SeenVersion>
  /** The paths that hold something, deleted or not. */
  readonly paths: (mount: string, namespace?: string) => ReadonlyArray<string>
  /** Ends every connection and stops listening; its state stays. */
  readonly close: () => Promise<void>
  /** Listens again after `close`, on the same port. */
  readonly listen: () => Promise<void>
}

/** A node that has what the active one had when it last caught up. Its clients share the journal of requests. */
export interface StandbyNode {
  readonly url: URL
  readonly catchUp: () => void
  readonly close: () => Promise<void>
}

/** An object of JSON. */
export type Fields = Readonly<Record<string, unknown>>

interface Token {
  readonly id: string
  readonly accessor: string
  readonly policies: ReadonlyArray<PolicyRule> | undefined
  readonly names: ReadonlyArray<string>
  readonly namespace: string
  readonly path: string
  readonly renewable: boolean
  readonly createdAt: number
  readonly ttlSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly isBatch: boolean
  usesLeft: number | undefined
  expiresAt: number | undefined
}

interface Version {
  readonly createdTime: string
  data: Fields | undefined
  deletionTime: { readonly at: number; readonly text: string } | undefined
  destroyed: boolean
}

interface Entry {
  readonly versions: Map<number, Version>
  readonly createdTime: string
  current: number
  oldest: number
  updatedTime: string
  maxVersions: number
  casRequired: boolean
  deleteVersionAfter: number
  customMetadata: Readonly<Record<string, string>> | null
}

type Mount = { readonly path: string; readonly accessor: string } & (
  | { readonly kind: "kv 1"; readonly records: Map<string, Fields> }
  | {
      readonly kind: "kv 2"
      readonly entries: Map<string, Entry>
      readonly casRequired: boolean
      readonly maxVersions: number
    }
  | { readonly kind: "other"; readonly type: string }
)

interface Login {
  readonly of: NewLogin
  usesLeft: number
}

interface Namespace {
  readonly mounts: Map<string, Mount>
  readonly logins: Map<string, Array<Login>>
}

/** The state of a standby. */
interface Replica {
  index: number
  /** By namespace. */
  mounts: ReadonlyMap<string, Map<string, Mount>>
}

interface Script {
  readonly kind: FaultKind
  readonly options: FaultOptions
  readonly released: Promise<void>
  readonly meet: () => void
  left: number
}

interface Call {
  /** "METHOD path", for faults and complaints. */
  readonly what: string
  /** `LIST` for a list. */
  readonly method: string
  /** Decoded, without `/v1/`, without a trailing slash. */
  readonly path: string
  readonly namespace: string
  readonly token: string | undefined
  readonly body: Fields | undefined
  readonly query: URLSearchParams
}

class Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** Thrown to answer at once. */
class Refusal extends Error {
  readonly answer: Answer
  constructor(answer: Answer) {
    super(`${answer.status}`)
    this.answer = answer
  }
}

const errors = (status: number, ...said: ReadonlyArray<string>) => new Answer(status, { errors: said })
/** As Vault says what an engine, and not its router, refuses. */
const wrapped = (status: number, said: string) => errors(status, `1 error occurred:\n\t* ${said}\n\n`)
const noContent = new Answer(204)
const absent = errors(404)
/** A token that is missing, unknown, expired, or from elsewhere. */
const badToken = errors(403, "permission denied")
/** A good token without the policy: Vault wraps this one. */
const notAllowed = wrapped(403, "permission denied")

const envelope = (parts: Fields) => ({
  request_id: randomUUID(),
  lease_id: "",
  renewable: false,
  lease_duration: 0,
  data: null,
  wrap_info: null,
  warnings: null,
  auth: null,
  ...parts
})

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds of `3600`, "3600" or "1h30m"; undefined when it is no duration. */
const secondsOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return Number.isInteger(value) && value >= 0 ? value : undefined
  if (typeof value !== "string") return undefined
  if (/^\d+$/.test(value)) return Number(value)
  if (!/^(\d+[smhd])+$/.test(value)) return undefined
  let seconds = 0
  for (const [, amount, unit] of value.matchAll(/(\d+)([smhd])/g)) {
    seconds += Number(amount) * (unitSeconds[unit ?? ""] ?? 0)
  }
  return seconds
}

/** As Go writes a duration: 0s, 30s, 1m0s, 3h25m19s. */
const durationText = (seconds: number): string => {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60]
  return `${h > 0 ? `${h}h` : ""}${seconds >= 60 ? `${m}m` : ""}${s}s`
}

type FieldKind = "string" | "integer" | "boolean" | "object" | "strings" | "integers" | "duration"

const isKind: Readonly<Record<FieldKind, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  integer: (value) => Number.isInteger(value) && Number(value) >= 0,
  boolean: (value) => typeof value === "boolean",
  object: isFields,
  strings: (value) => isFields(value) && Object.values(value).every((each) => typeof each === "string"),
  integers: (value) => Array.isArray(value) && value.every(Number.isInteger),
  duration: (value) => secondsOf(value) !== undefined
}

/** The order of Vault's patterns, the most specific first: the rules of its documentation, under "Policy syntax". */
const byPriority = (one: string, other: string): number => {
  const firstWildcard = (pattern: string) => (/[+*]/.test(pattern) ? pattern.search(/[+*]/) : Infinity)
  const segments = (pattern: string) => pattern.split("/").filter((segment) => segment === "+").length
  const keys = (pattern: string) => [
    -firstWildcard(pattern),
    pattern.endsWith("*") ? 1 : 0,
    segments(pattern),
    -pattern.length
  ]
  const [ofOne, ofOther] = [keys(one), keys(other)]
  const differs = ofOne.findIndex((key, index) => key !== ofOther[index])
  return differs < 0 ? 0 : ofOne[differs]! < ofOther[differs]! ? -1 : 1
}

const covers = (pattern: string, path: string): boolean => {
  const source = pattern
    .replace(/\*$/, "")
    .split("/")
    .map((segment) => (segment === "+" ? "[^/]+" : segment.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&")))
    .join("/")
  return new RegExp(`^${source}${pattern.endsWith("*") ? "" : "$"}`).test(path)
}

/** What rules allow on a path: those of the most specific pattern that covers it. */
const capabilitiesOf = (rules: ReadonlyArray<PolicyRule>, path: string): ReadonlySet<Capability> => {
  const [best] = rules
    .filter((rule) => covers(rule.path, path))
    .map((rule) => rule.path)
    .toSorted(byPriority)
  const allowed = new Set(rules.filter((rule) => rule.path === best).flatMap((rule) => rule.capabilities))
  return allowed.has("deny") ? new Set() : allowed
}

const defaultPolicy: ReadonlyArray<PolicyRule> = [
  { path: "auth/token/lookup-self", capabilities: ["read"] },
  { path: "auth/token/renew-self", capabilities: ["update"] },
  { path: "auth/token/revoke-self", capabilities: ["update"] }
]

const trimmed = (path: string) => path.replace(/^\/+|\/+$/g, "")
/** Whether a namespace is another one or below it. */
const isWithin = (namespace: string, outer: string) =>
  outer === "" || namespace === outer || namespace.startsWith(`${outer}/`)
/** A path in a namespace, as seen from one above it. */
const seenFrom = (outer: string, namespace: string, path: string) =>
  [trimmed(namespace.slice(outer.length)), path].filter((part) => part !== "").join("/")

/** Vault's limit on a body, and raft's on a record, in bytes. */
const maxBody = 32 * 1024 * 1024
const maxRecord = 1024 * 1024
/** Vault's default and longest life of a token or lease: 32 days. */
const maxTtl = 2_764_800
const defaultMaxVersions = 10
const healthCodes = ["activecode", "standbycode", "sealedcode", "uninitcode"]

/** Starts one with `secret/` (KV version 2) and `kv/` (KV version 1) in each namespace. */
export const startVaultServer = async (options: VaultServerOptions = {}): Promise<VaultServer> => {
  const rootToken = options.rootToken ?? "root-token"
  const clock = options.now ?? Date.now
  const namespaces = new Map<string, Namespace>()
  const tokens = new Map<string, Token>()
  const scripts: Array<Script> = []
  const violations: Array<string> = []
  const requests: Array<SeenRequest> = []
  let skew = 0
  let nanoseconds = 0
  let sealed = false
  let initialized = true
  let standby: { readonly leader: string | undefined; readonly until: number } | undefined
  /** Counts writes: what `X-Vault-Index` tells. */
  let index = 0
  /** What is read and written instead of the active node's mounts, while a standby answers. */
  let view: Replica["mounts"] | undefined
  const now = () => clock() + skew

  const httpDate = () => DateTime.toDateUtc(DateTime.makeUnsafe(now())).toUTCString()

  /** RFC 3339 with nanoseconds; Go leaves out the zeros at its end. */
  const timeText = (at: number): string => {
    nanoseconds = (nanoseconds + 7919) % 1_000_000
    return `${DateTime.formatIso(DateTime.makeUnsafe(at)).slice(0, -1)}${String(nanoseconds).padStart(6, "0")}`
      .replace(/\.?0+$/, "")
      .concat("Z")
  }

  const namespaceOf = (name: string): Namespace => {
    const found = namespaces.get(trimmed(name))
    if (found === undefined) throw new Error(`the double has no namespace ${name}`)
    return view === undefined ? found : { ...found, mounts: view.get(trimmed(name)) ?? found.mounts }
  }

  /** The mount that another at this path would collide with. */
  const rivalOf = (path: string, namespace: string): string | undefined => {
    const name = `${trimmed(path)}/`
    return [...namespaceOf(namespace).mounts.keys()].find(
      (other) => other.startsWith(name) || name.startsWith(other)
    )
  }

  const mount = (path: string, what: NewMount, namespace = "") => {
    const name = `${trimmed(path)}/`
    const { mounts } = namespaceOf(namespace)
    const rival = rivalOf(path, namespace)
    if (rival !== undefined) throw new Error(`path is already in use at ${rival}`)
    const common = { path: name, accessor: `${what.type}_${randomUUID().slice(0, 8)}` }
    if (what.type !== "kv") mounts.set(name, { ...common, kind: "other", type: what.type })
    else if (what.version === 1) mounts.set(name, { ...common, kind: "kv 1", records: new Map() })
    else {
      const { casRequired = false, maxVersions = 0 } = what
      mounts.set(name, { ...common, kind: "kv 2", entries: new Map(), casRequired, maxVersions })
    }
  }

  const addToken = (id: string, path: string, wanted: NewToken): Token => {
    const { explicitMaxTtlSeconds = 0, namespace = "", policies, renewable = false, ttlSeconds = 0 } = wanted
    namespaceOf(namespace)
    const rules = wanted.noDefaultPolicy === true ? (policies ?? []) : [...defaultPolicy, ...(policies ?? [])]
    const token: Token = {
      id,
      accessor: randomUUID(),
      policies: policies === undefined ? undefined : rules,
      names:
        policies === undefined
          ? ["root"]
          : wanted.noDefaultPolicy === true
            ? ["custom"]
            : ["custom", "default"],
      namespace: trimmed(namespace),
      path,
      renewable,
      createdAt: now(),
      ttlSeconds,
      explicitMaxTtlSeconds,
      isBatch: wanted.isBatch === true,
      usesLeft: wanted.uses,
      expiresAt: ttlSeconds === 0 ? undefined : now() + ttlSeconds * 1000
    }
    tokens.set(id, token)
    return token
  }

  const liveToken = (id: string | undefined): Token | undefined => {
    const token = id === undefined ? undefined : tokens.get(id)
    return token?.expiresAt !== undefined && token.expiresAt <= now() ? undefined : token
  }

  // Strictness

  /** Takes a note of a request that is not as documented, and refuses it. */
  const refuse = (what: string, complaint: string, status = 400, said = complaint): never => {
    violations.push(`${what}: ${complaint}`)
    throw new Refusal(errors(status, said))
  }

  /** The body, whose fields must be known and of their kind. */
  const fieldsOf = (call: Call, value: unknown, known: Readonly<Record<string, FieldKind>>): Fields => {
    if (value === undefined) return {}
    if (!isFields(value)) return refuse(call.what, "no object where one is due")
    for (const [name, field] of Object.entries(value)) {
      const kind = known[name]
      if (kind === undefined) return refuse(call.what, `the route has no field ${name}`)
      if (!isKind[kind](field)) {
        const said = `Field validation failed: error converting input for field "${name}": no ${kind}`
        return refuse(call.what, `${name} is no ${kind}`, 400, said)
      }
    }
    return value
  }

  const allowQuery = (call: Call, ...known: ReadonlyArray<string>) => {
    for (const name of new Set(call.query.keys())) {
      if (!known.includes(name)) refuse(call.what, `the route has no parameter ${name}`)
      if (call.query.getAll(name).length > 1) refuse(call.what, `the parameter ${name} comes twice`)
    }
  }

  const unsupported = (call: Call): never =>
    refuse(call.what, "the route has no such method", 405, "unsupported operation")

  /** Makes a call of a request, where it is one that Vault documents. */
  const callOf = (request: IncomingMessage, text: string, method: string): Call => {
    const [rawPath = "", rawQuery = ""] = (request.url ?? "").split(/\?(.*)/s)
    const what = `${method} ${rawPath.replace(/^\/v1\//, "")}`
    if (!rawPath.startsWith("/v1/")) refuse(what, "outside of /v1", 404, "page not found")
    if (request.headers["x-vault-request"] !== "true") {
      refuse(what, "no X-Vault-Request: true", 412, "missing 'X-Vault-Request' header")
    }
    // RFC 3986, section 3.3: what a path may hold as it is; everything else must be encoded.
    if (!/^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/.test(rawPath)) {
      refuse(what, "the path is not encoded")
    }
    let path = ""
    try {
      path = decodeURIComponent(rawPath.slice("/v1/".length))
    } catch {
      refuse(what, "the path is no UTF-8")
    }
    // As Go's server does, the checks look at what is left after decoding: %2e%2e is .. and %2F is a slash.
    const segments = path.split("/")
    if (segments.some((segment) => segment === "." || segment === "..")) {
      refuse(what, "the path has dot segments", 400, "path cannot contain parent references")
    }
    if (segments.slice(0, -1).includes("")) refuse(what, "the path has an empty segment")
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(path)) refuse(what, "the path has unprintable characters")
    if (segments.at(-1)?.endsWith(".") === true)
      refuse(what, "the path ends in a period", 404, "unsupported path")
    const mayEndInSlash = method === "LIST" || path.startsWith("sys/internal/ui/mounts/")
    if (path.endsWith("/") && !mayEndInSlash) {
      const writes = method === "POST" || method === "PUT"
      const said = writes ? "cannot write to a path ending in '/'" : "unsupported path"
      refuse(what, "the path ends in a slash", writes ? 400 : 404, said)
    }
    const namespace = request.headers["x-vault-namespace"]
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1]
    return {
      what,
      method,
      path: path.replace(/\/$/, ""),
      namespace: trimmed(String(namespace ?? "")),
      token: request.headers["x-vault-token"]?.toString() ?? bearer,
      body: jsonOf(what, method, request, text),
      query: new URLSearchParams(rawQuery)
    }
  }

  const jsonOf = (what: string, method: string, request: IncomingMessage, text: string) => {
    if (text === "") return undefined
    if (method !== "POST" && method !== "PUT") return refuse(what, "a body where none is due")
    if (!/^application\/json(; ?charset=utf-8)?$/i.test(request.headers["content-type"] ?? "")) {
      return refuse(what, "the body is not said to be application/json")
    }
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return refuse(what, "the body is no JSON", 400, "error parsing JSON")
    }
    return isFields(value) ? value : refuse(what, "the body is no object", 400, "error parsing JSON")
  }

  // Who may do what

  const authenticate = (call: Call, namespace: string): Token => {
    const token = liveToken(call.token)
    if (token === undefined || !isWithin(namespace, token.namespace)) throw new Refusal(badToken)
    if (token.usesLeft !== undefined && --token.usesLeft <= 0) tokens.delete(token.id)
    return token
  }

  const authorize = (token: Token, namespace: string, path: string, capability: Capability) => {
    if (token.policies === undefined) return
    const seen = seenFrom(token.namespace, namespace, path)
    // A list is asked for with a slash at its end; an exact rule without one covers it as well.
    const candidates = capability === "list" ? [`${seen}/`, seen] : [seen]
    const { policies } = token
    if (!candidates.some((each) => capabilitiesOf(policies, each).has(capability))) {
      throw new Refusal(notAllowed)
    }
  }

  // Key-value

  const listing = (names: Iterable<string>, path: string): Answer => {
    const start = path === "" ? "" : `${path}/`
    const keys = [...names]
      .filter((name) => name.startsWith(start))
      .map((name) => name.slice(start.length).replace(/\/.*/s, "/"))
    return keys.length === 0
      ? absent
      : new Answer(200, envelope({ data: { keys: [...new Set(keys)].toSorted() } }))
  }

  const checkSize = (data: Fields) => {
    const size = Buffer.byteLength(JSON.stringify(data))
    if (size > maxRecord) {
      throw new Refusal(
        wrapped(500, `put failed due to value being too large; got ${size} bytes, max ${maxRecord} bytes`)
      )
    }
  }

  const isDeleted = ({ deletionTime }: Version) => deletionTime !== undefined && deletionTime.at <= now()

  const versionMetadata = (entry: Entry, version: number, found: Version) => ({
    version,
    created_time: found.createdTime,
    deletion_time: found.deletionTime?.text ?? "",
    destroyed: found.destroyed,
    custom_metadata: entry.customMetadata
  })

  const newEntry = (): Entry => {
    const at = timeText(now())
    return {
      versions: new Map(),
      createdTime: at,
      current: 0,
      oldest: 0,
      updatedTime: at,
      maxVersions: 0,
      casRequired: false,
      deleteVersionAfter: 0,
      customMetadata: null
    }
  }

  const addVersion = (mount: Mount & { kind: "kv 2" }, path: string, data: Fields): Entry => {
    const entry = mount.entries.get(path) ?? newEntry()
    mount.entries.set(path, entry)
    const at = now()
    const deletedAt = at + entry.deleteVersionAfter * 1000
    entry.current += 1
    entry.updatedTime = timeText(at)
    entry.versions.set(entry.current, {
      createdTime: entry.updatedTime,
      data,
      deletionTime: entry.deleteVersionAfter === 0 ? undefined : { at: deletedAt, text: timeText(deletedAt) },
      destroyed: false
    })
    // As KeyMetadata.AddVersion has it: the greater of both settings counts, so a record cannot lower its mount's.
    const kept = Math.max(entry.maxVersions, mount.maxVersions) || defaultMaxVersions
    if (entry.current - entry.oldest >= kept) {
      const drop = entry.current - kept
      for (const version of entry.versions.keys()) if (version <= drop) entry.versions.delete(version)
      entry.oldest = drop + 1
    }
    return entry
  }

  const writeAsAnother = (mount: Mount, path: string, change: NonNullable<FaultOptions["write"]>) => {
    if (mount.kind === "kv 1") mount.records.set(path, change(mount.records.get(path)))
    else if (mount.kind === "kv 2") {
      const entry = mount.entries.get(path)
      addVersion(mount, path, change(entry?.versions.get(entry.current)?.data))
    }
  }

  const unversioned = (
    mount: Mount & { kind: "kv 1" },
    call: Call,
    path: string,
    may: (capability: Capability) => void
  ): Answer => {
    switch (call.method) {
      case "LIST":
        allowQuery(call, "list")
        may("list")
        return listing(mount.records.keys(), path)
      case "GET": {
        allowQuery(call)
        may("read")
        const data = mount.records.get(path)
        return data === undefined ? absent : new Answer(200, envelope({ lease_duration: maxTtl, data }))
      }
      case "POST":
      case "PUT": {
        allowQuery(call)
        may(mount.records.has(path) ? "update" : "create")
        if (path === "") return errors(400, "missing path")
        const data = call.body ?? {}
        if (Object.keys(data).length === 0) return errors(400, "missing data fields")
        checkSize(data)
        mount.records.set(path, data)
        return noContent
      }
      case "DELETE":
        allowQuery(call)
        may("delete")
        mount.records.delete(path)
        return noContent
      default:
        return unsupported(call)
    }
  }

  const versionedData = (
    mount: Mount & { kind: "kv 2" },
    call: Call,
    path: string,
    may: (capability: Capability) => void
  ): Answer => {
    const entry = mount.entries.get(path)
    switch (call.method) {
      case "GET": {
        allowQuery(call, "version")
        const asked = call.query.get("version")
        if (asked !== null && !/^\d+$/.test(asked)) refuse(call.what, "version is no number")
        may("read")
        const number = Number(asked ?? 0) || (entry?.current ?? 0)
        const version = entry?.versions.get(number)
        if (entry === undefined || version === undefined) return absent
        const gone = version.destroyed || isDeleted(version)
        const data = {
          data: gone ? null : version.data,
          metadata: versionMetadata(entry, number, version)
        }
        return new Answer(gone ? 404 : 200, envelope({ data }))
      }
      case "POST":
      case "PUT": {
        allowQuery(call)
        const { data, options: asked } = fieldsOf(call, call.body, { data: "object", options: "object" })
        const { cas } = fieldsOf(call, asked, { cas: "integer" })
        may(entry === undefined ? "create" : "update")
        if (path === "") return errors(400, "missing path")
        if (!isFields(data)) return errors(400, "no data provided")
        if (cas === undefined) {
          if (mount.casRequired || entry?.casRequired === true) {
            return errors(400, "check-and-set parameter required for this call")
          }
        } else if (cas !== (entry?.current ?? 0)) {
          return errors(400, "check-and-set parameter did not match the current version")
        }
        checkSize(data)
        const written = addVersion(mount, path, data)
        const version = written.versions.get(written.current)!
        return new Answer(200, envelope({ data: versionMetadata(written, written.current, version) }))
      }
      case "DELETE": {
        allowQuery(call)
        may("delete")
        deleteVersions(entry, [entry?.current ?? 0])
        return noContent
      }
      default:
        return unsupported(call)
    }
  }

  const deleteVersions = (entry: Entry | undefined, numbers: ReadonlyArray<number>) => {
    for (const number of numbers) {
      const version = entry?.versions.get(number)
      if (version === undefined || version.destroyed || isDeleted(version)) continue
      version.deletionTime = { at: now(), text: timeText(now()) }
    }
  }

  const metadata = (
    mount: Mount & { kind: "kv 2" },
    call: Call,
    path: string,
    may: (capability: Capability) => void
  ): Answer => {
    const entry = mount.entries.get(path)
    switch (call.method) {
      case "LIST":
        allowQuery(call, "list")
        may("list")
        return listing(mount.entries.keys(), path)
      case "GET": {
        allowQuery(call)
        may("read")
        if (entry === undefined) return absent
        const versions = Object.fromEntries(
          [...entry.versions].map(([number, { createdTime, deletionTime, destroyed }]) => [
            number,
            { created_time: createdTime, deletion_time: deletionTime?.text ?? "", destroyed }
          ])
        )
        const data = {
          versions,
          current_version: entry.current,
          oldest_version: entry.oldest,
          created_time: entry.createdTime,
          updated_time: entry.updatedTime,
          max_versions: entry.maxVersions,
          cas_required: entry.casRequired,
          delete_version_after: durationText(entry.deleteVersionAfter),
          custom_metadata: entry.customMetadata
        }
        return new Answer(200, envelope({ data }))
      }
      case "POST":
      case "PUT": {
        allowQuery(call)
        const asked = fieldsOf(call, call.body, {
          max_versions: "integer",
          cas_required: "boolean",
          delete_version_after: "duration",
          custom_metadata: "strings"
        })
        may(entry === undefined ? "create" : "update")
        if (path === "") return errors(400, "missing path")
        if (Object.keys(asked).length === 0) return noContent
        const target = entry ?? newEntry()
        mount.entries.set(path, target)
        target.updatedTime = timeText(now())
        // Versions beyond a lower max_versions stay until the next write, as in Vault.
        if (typeof asked["max_versions"] === "number") target.maxVersions = asked["max_versions"]
        if (typeof asked["cas_required"] === "boolean") target.casRequired = asked["cas_required"]
        target.deleteVersionAfter = secondsOf(asked["delete_version_after"]) ?? target.deleteVersionAfter
        if (asked["custom_metadata"] !== undefined) {
          target.customMetadata = asked["custom_metadata"] as Readonly<Record<string, string>>
        }
        return mount.casRequired && asked["cas_required"] === false
          ? new Answer(
              200,
              envelope({
                warnings: [
                  '"cas_required" set to false, but is mandated by backend config. This value will be ignored.'
                ]
              })
            )
          : noContent
      }
      case "DELETE":
        allowQuery(call)
        may("delete")
        mount.entries.delete(path)
        return noContent
      default:
        return unsupported(call)
    }
  }

  /** `delete/`, `undelete/` and `destroy/`: something done to some versions. */
  const someVersions = (
    mount: Mount & { kind: "kv 2" },
    call: Call,
    route: "delete" | "undelete" | "destroy",
    path: string,
    may: (capability: Capability) => void
  ): Answer => {
    if (call.method !== "POST" && call.method !== "PUT") return unsupported(call)
    allowQuery(call)
    const { versions = [] } = fieldsOf(call, call.body, { versions: "integers" })
    may("update")
    const numbers = versions as ReadonlyArray<number>
    if (numbers.length === 0) return errors(400, "no version number provided")
    const entry = mount.entries.get(path)
    if (route === "delete") deleteVersions(entry, numbers)
    else {
      for (const number of numbers) {
        const version = entry?.versions.get(number)
        if (version === undefined) continue
        if (route === "undelete") version.deletionTime = undefined
        else {
          version.destroyed = true
          version.data = undefined
        }
      }
    }
    return noContent
  }

  const commands: Readonly<Record<string, string>> = {
    GET: "get",
    POST: "put",
    PUT: "put",
    DELETE: "delete",
    LIST: "list"
  }

  const versioned = (
    mount: Mount & { kind: "kv 2" },
    call: Call,
    rest: string,
    may: (capability: Capability) => void
  ): Answer => {
    const [route = "", path = ""] = rest.split(/\/(.*)/s)
    const isRoot = path === ""
    if (route === "data" && call.method === "LIST") {
      may("list")
      return wrapped(405, "unsupported operation")
    }
    if (route === "metadata" && (!isRoot || call.method === "LIST")) return metadata(mount, call, path, may)
    if (route === "data" && !isRoot) return versionedData(mount, call, path, may)
    if ((route === "delete" || route === "undelete" || route === "destroy") && !isRoot) {
      return someVersions(mount, call, route, path, may)
    }
    const command = commands[call.method]
    if (command === undefined) return unsupported(call)
    const capabilities = { get: "read", put: "create", delete: "delete", list: "list" } as const
    may(capabilities[command as keyof typeof capabilities])
    const warning = ["metadata", "data", "delete", "undelete", "destroy"].includes(rest)
      ? "Non-listing operations on the root of a K/V v2 mount are not supported."
      : `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv ${command}' for this operation.`
    return new Answer(404, envelope({ warnings: [warning] }))
  }

  // Tokens and logins

  const ttlOf = ({ expiresAt }: Token) =>
    expiresAt === undefined ? 0 : Math.floor((expiresAt - now()) / 1000)

  const authOf = (token: Token, leaseSeconds: number, meta: Fields | null) => ({
    client_token: token.id,
    accessor: token.accessor,
    policies: token.names,
    token_policies: token.names,
    metadata: meta,
    lease_duration: leaseSeconds,
    renewable: token.renewable,
    entity_id: "",
    token_type: "service",
    orphan: true,
    mfa_requirement: null,
    num_uses: 0
  })

  const lookUp = (token: Token) => ({
    accessor: token.accessor,
    creation_time: Math.floor(token.createdAt / 1000),
    creation_ttl: token.ttlSeconds,
    display_name: "token",
    entity_id: "",
    expire_time: token.expiresAt === undefined ? null : timeText(token.expiresAt),
    explicit_max_ttl: token.explicitMaxTtlSeconds,
    id: token.id,
    ...(token.expiresAt === undefined ? {} : { issue_time: timeText(token.createdAt) }),
    meta: null,
    num_uses: token.usesLeft ?? 0,
    orphan: true,
    path: token.path,
    policies: token.names,
    renewable: token.renewable,
    ttl: ttlOf(token),
    type: token.isBatch ? "batch" : "service"
  })

  const renew = (token: Token, increment: number | undefined): Answer => {
    if (token.isBatch) return errors(400, "batch tokens cannot be renewed")
    if (token.expiresAt === undefined) return errors(400, "invalid lease ID")
    if (!token.renewable) return errors(400, "lease is not renewable")
    const wanted = increment === undefined || increment === 0 ? token.ttlSeconds : increment
    const allowed =
      token.explicitMaxTtlSeconds === 0
        ? maxTtl
        : Math.floor((token.createdAt - now()) / 1000) + token.explicitMaxTtlSeconds
    const granted = Math.min(wanted, allowed)
    token.expiresAt = now() + granted * 1000
    const warnings =
      wanted > allowed
        ? [
            `TTL of "${durationText(wanted)}" exceeded the effective max_ttl of "${durationText(allowed)}"; TTL value is capped accordingly`
          ]
        : null
    return new Answer(200, envelope({ auth: authOf(token, granted, null), warnings }))
  }

  const tokenRoute = (call: Call, namespace: string): Answer => {
    const route = call.path.slice("auth/token/".length)
    const isRead = call.method === "GET"
    const isWrite = call.method === "POST" || call.method === "PUT"
    if (!["lookup-self", "renew-self", "revoke-self"].includes(route)) {
      return refuse(call.what, "unknown route", 404, "unsupported path")
    }
    if (route === "lookup-self" ? !isRead : !isWrite) return unsupported(call)
    allowQuery(call)
    const { increment } = fieldsOf(call, call.body, route === "renew-self" ? { increment: "duration" } : {})
    const token = authenticate(call, namespace)
    authorize(token, token.namespace, call.path, isRead ? "read" : "update")
    switch (route) {
      case "lookup-self":
        return new Answer(200, envelope({ data: lookUp(token) }))
      case "renew-self":
        return renew(token, secondsOf(increment))
      default:
        if (token.isBatch) return errors(400, "batch tokens cannot be revoked")
        tokens.delete(token.id)
        return noContent
    }
  }

  const loginRoute = (call: Call, namespace: string): Answer => {
    const mountPath = /^auth\/(.+)\/login$/.exec(call.path)?.[1]
    if (mountPath === undefined) return refuse(call.what, "unknown route", 404, "unsupported path")
    const logins = namespaceOf(namespace).logins.get(mountPath)
    // Nothing is mounted there, which a configuration can do as well as a client: no violation.
    if (logins === undefined) {
      const token = liveToken(call.token)
      if (token === undefined) return badToken
      authorize(token, namespace, call.path, "update")
      return errors(404, `no handler for route "${call.path}". route entry not found.`)
    }
    if (call.method !== "POST" && call.method !== "PUT") return unsupported(call)
    allowQuery(call)
    const granted = (login: Login, meta: Fields) => {
      login.usesLeft -= 1
      const token = addToken(`hvs.${randomUUID()}`, call.path, { ...login.of.token, namespace })
      return new Answer(200, envelope({ auth: authOf(token, token.ttlSeconds, meta) }))
    }
    if (logins[0]?.of.type === "approle") {
      const given = fieldsOf(call, call.body, { role_id: "string", secret_id: "string" })
      if (!given["role_id"]) return errors(500, "missing role_id")
      if (!given["secret_id"]) return errors(400, "missing secret_id")
      const found = logins.find(
        ({ of, usesLeft }) =>
          of.type === "approle" &&
          of.roleId === given["role_id"] &&
          of.secretId === given["secret_id"] &&
          usesLeft > 0
      )
      return found === undefined
        ? errors(400, "invalid role or secret ID")
        : granted(found, { role_name: "app" })
    }
    const { jwt, role } = fieldsOf(call, call.body, { role: "string", jwt: "string" })
    const isKubernetes = logins[0]?.of.type === "kubernetes"
    if (!role) return errors(400, "missing role")
    if (!jwt) return errors(400, isKubernetes ? "missing jwt" : "missing token")
    const ofRole = logins.filter(({ of }) => of.type !== "approle" && of.role === role)
    if (ofRole.length === 0) {
      return errors(400, isKubernetes ? `invalid role name "${role}"` : `role "${role}" could not be found`)
    }
    const found = ofRole.find(({ of }) => of.type !== "approle" && of.jwt === jwt)
    if (found !== undefined) return granted(found, { role })
    return isKubernetes
      ? badToken
      : errors(
          400,
          "error validating token: error verifying token signature: no known key successfully validated the token signature"
        )
  }

  // The system's routes

  const health = (call: Call): Answer => {
    if (call.method !== "GET") return unsupported(call)
    allowQuery(call, "standbyok", "perfstandbyok", ...healthCodes)
    const state = sealed ? "sealed" : standby === undefined ? "active" : "standby"
    const codes = { sealed: 503, active: 200, standby: 429 }
    const asked = call.query.get(`${state}code`)
    if (asked !== null && !/^[1-5]\d\d$/.test(asked)) return errors(400)
    const isFine = state === "standby" && call.query.get("standbyok") === "true"
    return new Answer(asked === null ? (isFine ? 200 : codes[state]) : Number(asked), {
      initialized: true,
      sealed,
      standby: state !== "active",
      performance_standby: false,
      replication_performance_mode: "disabled",
      replication_dr_mode: "disabled",
      server_time_utc: Math.floor(now() / 1000),
      version: "1.20.0",
      cluster_name: "double",
      cluster_id: "00000000-0000-0000-0000-000000000000"
    })
  }

  const sealStatus = (call: Call): Answer => {
    if (call.method !== "GET") return unsupported(call)
    allowQuery(call)
    return new Answer(200, {
      type: "shamir",
      initialized,
      sealed,
      t: 1,
      n: 1,
      progress: 0,
      nonce: "",
      version: "1.20.0",
      migration: false,
      recovery_seal: false,
      storage_type: "raft"
    })
  }

  /** `sys/mounts/{path}`: how an operator, or a test that brings its own mount, enables an engine and removes it. */
  const mountRoute = (call: Call, namespace: string): Answer => {
    const isWrite = call.method === "POST"
    if (!isWrite && call.method !== "DELETE") return unsupported(call)
    allowQuery(call)
    const fields = isWrite
      ? fieldsOf(call, call.body, { type: "string", options: "object", description: "string" })
      : {}
    const { version } = fieldsOf(call, fields["options"], { version: "string" })
    authorize(
      authenticate(call, namespace),
      namespace,
      call.path,
      call.method === "DELETE" ? "delete" : "update"
    )
    const path = call.path.slice("sys/mounts/".length)
    if (!isWrite) namespaceOf(namespace).mounts.delete(`${path}/`)
    else if (fields["type"] !== "kv") {
      return errors(400, `plugin not found in the catalog: ${String(fields["type"])}`)
    } else if (rivalOf(path, namespace) !== undefined) {
      return errors(400, `path is already in use at ${rivalOf(path, namespace)}`)
    } else mount(path, { type: "kv", version: version === "2" ? 2 : 1 }, namespace)
    return noContent
  }

  const mountFor = (namespace: string, path: string): Mount | undefined =>
    [...namespaceOf(namespace).mounts.values()].find((mount) => `${path}/`.startsWith(mount.path))

  /** As hasMountAccess has it: some rule gives something on the mount or below it. */
  const hasAccess = ({ namespace: home, policies }: Token, namespace: string, mount: Mount): boolean => {
    if (policies === undefined) return true
    const path = `${seenFrom(home, namespace, mount.path)}`
    const gives = (rule: PolicyRule) => rule.capabilities.length > 0 && !rule.capabilities.includes("deny")
    return (
      capabilitiesOf(policies, path).size > 0 ||
      policies.some((rule) => rule.path.startsWith(path) && gives(rule))
    )
  }

  const uiMount = (call: Call, namespace: string): Answer => {
    if (call.method !== "GET") return unsupported(call)
    allowQuery(call)
    const asked = call.path.slice("sys/internal/ui/mounts/".length)
    const token = authenticate(call, namespace)
    const mount = mountFor(namespace, asked)
    if (mount === undefined || !hasAccess(token, namespace, mount)) {
      return errors(
        403,
        `preflight capability check returned 403, please ensure client's policies grant access to path "${asked}/"`
      )
    }
    return new Answer(
      200,
      envelope({
        data: {
          accessor: mount.accessor,
          config: { default_lease_ttl: 0, force_no_cache: false, max_lease_ttl: 0 },
          description: "",
          local: false,
          options: mount.kind === "other" ? null : { version: mount.kind === "kv 2" ? "2" : "1" },
          path: mount.path,
          seal_wrap: false,
          type: mount.kind === "other" ? mount.type : "kv"
        }
      })
    )
  }

  /** Where the header and then the path itself lead: `/v1/team/secret/...` is `secret/...` in `team`. */
  const placeOf = (call: Call): readonly [namespace: string, call: Call] => {
    if (!namespaces.has(call.namespace)) throw new Refusal(errors(404, "namespace not found"))
    let namespace = call.namespace
    let { path } = call
    for (;;) {
      const child = [...namespaces.keys()].find((name) => {
        const below = seenFrom(namespace, name, "")
        return name !== namespace && isWithin(name, namespace) && path.startsWith(`${below}/`)
      })
      if (child === undefined) return [namespace, { ...call, path }]
      path = path.slice(seenFrom(namespace, child, "").length + 1)
      namespace = child
    }
  }

  const route = (sent: Call, conflict: Script | undefined): Answer => {
    if (sent.path === "sys/health") return health(sent)
    if (sent.path === "sys/seal-status") return sealStatus(sent)
    if (sealed) return errors(503, "Vault is sealed")
    if (standby !== undefined) {
      return standby.until <= now()
        ? errors(500, "local node not active but active cluster node not found")
        : errors(503, "node is not active")
    }
    if (!(sent.method in commands)) return unsupported(sent)
    const [namespace, call] = placeOf(sent)
    if (call.path.startsWith("sys/internal/ui/mounts/")) return uiMount(call, namespace)
    if (call.path.startsWith("sys/mounts/")) return mountRoute(call, namespace)
    if (call.path.startsWith("auth/token/")) return tokenRoute(call, namespace)
    if (call.path.startsWith("auth/")) return loginRoute(call, namespace)
    if (/^(sys|identity|cubbyhole)(\/|$)/.test(call.path)) {
      return refuse(call.what, "unknown route", 404, "unsupported path")
    }
    const token = authenticate(call, namespace)
    const may = (capability: Capability) => authorize(token, namespace, call.path, capability)
    const mount = mountFor(namespace, call.path)
    if (mount === undefined) {
      may(call.method === "LIST" ? "list" : call.method === "GET" ? "read" : "update")
      return errors(404, `no handler for route "${call.path}". route entry not found.`)
    }
    const rest = call.path.slice(mount.path.length)
    switch (mount.kind) {
      case "kv 1":
        if (conflict !== undefined) writeAsAnother(mount, rest, conflict.options.write ?? another)
        return unversioned(mount, call, rest, may)
      case "kv 2":
        if (conflict !== undefined) {
          writeAsAnother(mount, rest.slice("data/".length), conflict.options.write ?? another)
        }
        return versioned(mount, call, rest, may)
      case "other":
        return errors(404, "unsupported path")
    }
  }

  const another = (current: Fields | undefined): Fields => ({ ...current, written_by: "another" })

  /** Whether a call writes data, so that somebody else can be faster. */
  const writesData = (call: Call): boolean => {
    if ((call.method !== "POST" && call.method !== "PUT") || !namespaces.has(call.namespace)) return false
    const [namespace, { path }] = placeOf(call)
    const mount = mountFor(namespace, path)
    return (
      mount?.kind === "kv 1" || (mount?.kind === "kv 2" && path.slice(mount.path.length).startsWith("data/"))
    )
  }

  // Answers, and faults in their place

  const send = (response: ServerResponse, { body, headers, status }: Answer) => {
    if (response.destroyed) return
    response.writeHead(status, {
      date: httpDate(),
      "cache-control": "no-store",
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers
    })
    response.end(body === undefined ? undefined : `${JSON.stringify(body)}\n`)
  }

  const redirect = (to: URL | string | undefined, request: IncomingMessage): Answer => {
    if (to === undefined) throw new Error("a redirect needs to know where it goes")
    return new Answer(307, undefined, { location: new URL(request.url ?? "", to).href })
  }

  /** Answers as the fault says. */
  const misbehave = (
    { kind, options: { retryAfter, status, text, to } }: Script,
    call: Call,
    request: IncomingMessage,
    response: ServerResponse
  ): void => {
    switch (kind) {
      case "drop":
        request.socket.destroy()
        return
      case "429": {
        const limits =
          retryAfter === undefined
            ? {}
            : {
                "retry-after": String(retryAfter),
                "x-ratelimit-limit": "1",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": String(retryAfter)
              }
        const said = `request path "${call.path}": rate limit quota exceeded`
        return send(response, new Answer(429, { errors: [said] }, limits))
      }
      case "500":
        return send(response, errors(500, "internal error"))
      case "502":
        response.writeHead(502, { "content-type": "text/html", date: httpDate() })
        response.end("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n")
        return
      case "sealed":
        return send(response, errors(503, "Vault is sealed"))
      case "412":
        return send(response, errors(412, "required index state not present"))
      case "472":
      case "473":
        return send(response, errors(Number(kind)))
      case "redirect":
        return send(response, redirect(to, request))
      case "bad JSON":
        response.writeHead(200, {
          "content-type": "application/json",
          date: httpDate()
        })
        response.end('{"request_id":"00000000-')
        return
      case "many values":
      case "deep":
        response.writeHead(200, { "content-type": "application/json", date: httpDate() })
        return void response.end(
          kind === "deep" ? "[".repeat(1000) + "]".repeat(1000) : `[${"0,".repeat(300_000)}0]`
        )
      case "endless": {
        response.writeHead(200, {
          "content-type": "application/json",
          date: httpDate()
        })
        response.write('{"data":{"endless":"')
        const more = () => {
          while (!response.destroyed && response.write("x".repeat(65_536)));
        }
        response.on("drain", more)
        more()
        return
      }
      case "upgrading":
        return send(
          response,
          errors(
            400,
            "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."
          )
        )
      case "answer":
        response.writeHead(status ?? 500, { date: httpDate() })
        return void response.end(text)
      case "delay":
      case "delay after":
      case "drop after":
      case "conflict":
        throw new Error(`${kind} is no answer`)
    }
  }

  /** The faults that a call meets: those that only wait or come after it, and at most one that answers instead. */
  const faultsOf = (call: Call): ReadonlyArray<Script> => {
    const met: Array<Script> = []
    for (const script of scripts) {
      if (script.left <= 0 || call.what.search(script.options.match ?? /^/) < 0) continue
      if (script.kind === "conflict" && !writesData(call)) continue
      script.left -= 1
      script.meet()
      met.push(script)
      if (!["delay", "delay after", "drop after", "conflict"].includes(script.kind)) break
    }
    return met
  }

  const waitFor = (
    { options: { milliseconds }, released }: Script,
    response: ServerResponse
  ): Promise<unknown> => {
    const gone = new Promise<void>((done) => {
      if (response.destroyed) done()
      response.once("close", done)
    })
    if (milliseconds === undefined) return Promise.race([released, gone])
    let timer: NodeJS.Timeout | undefined
    const passed = new Promise<void>((done) => {
      timer = setTimeout(done, milliseconds)
    })
    return Promise.race([passed, released, gone]).finally(() => clearTimeout(timer))
  }

  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    const chunks: Array<Buffer> = []
    let size = 0
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      // Read to its end all the same: to stop would end the connection before the answer.
      if (size <= maxBody) chunks.push(chunk)
    }
    if (size > maxBody) throw new Refusal(errors(413, "http: request body too large"))
    return Buffer.concat(chunks).toString("utf8")
  }

  const isWrite = ({ method }: Call) => method === "POST" || method === "PUT" || method === "DELETE"

  const isKeyValue = (call: Call): boolean => {
    if (/^(sys|auth)\//.test(call.path) || !namespaces.has(call.namespace)) return false
    const [namespace, { path }] = placeOf(call)
    return mountFor(namespace, path) !== undefined
  }

  /** Whether a standby may answer, by `X-Vault-Index`; otherwise it forwards the request. */
  const isBehind = ({ headers }: IncomingMessage, replica: Replica | undefined): boolean => {
    const { "x-vault-inconsistent": inconsistent = "fail", "x-vault-index": sent } = headers
    if (inconsistent !== "fail" && inconsistent !== "forward-active-node") {
      throw new Refusal(errors(400, 'unknown value for "X-Vault-Inconsistent" header'))
    }
    if (sent === undefined) return false
    let value = Number.NaN
    try {
      const decoded = JSON.parse(Buffer.from(String(sent), "base64").toString()) as { value?: unknown }
      value = Number(decoded.value)
    } catch {
      throw new Refusal(errors(400, 'failed to decode "X-Vault-Index"'))
    }
    if (replica === undefined || value <= replica.index) return false
    if (inconsistent === "fail") throw new Refusal(new Answer(429, { errors: [] }))
    return true
  }

  const routeOver = (mounts: Replica["mounts"], call: Call): Answer => {
    view = mounts
    try {
      return route(call, undefined)
    } finally {
      view = undefined
    }
  }

  /** Answers a call on a node, with its index. */
  const answerOf = (call: Call, request: IncomingMessage, node: Replica | undefined, conflict?: Script) => {
    const replica = isBehind(request, node) ? undefined : node
    const isLocal = replica !== undefined && isKeyValue(call)
    if (isLocal && !isWrite(call)) return withIndex(routeOver(replica.mounts, call), replica.index)
    // A standby refuses what it would refuse itself, and forwards the rest.
    if (isLocal) {
      const judged = routeOver(structuredClone(replica.mounts), call)
      if (judged.status >= 400) return judged
    }
    const answer = route(call, conflict)
    if (isWrite(call) && answer.status < 400) index += 1
    return withIndex(answer, index)
  }

  const withIndex = ({ body, headers, status }: Answer, value: number): Answer => {
    if (status >= 400) return new Answer(status, body, headers)
    const text = Buffer.from(JSON.stringify({ cluster: "double", value: String(value) })).toString("base64")
    return new Answer(status, body, { ...headers, "x-vault-index": text })
  }

  const handle = async (
    request: IncomingMessage,
    response: ServerResponse,
    replica?: Replica
  ): Promise<void> => {
    const { pathname, searchParams } = new URL(`http://vault${(request.url ?? "").replace(/^[^?]*/, "")}`)
    const rawPath = (request.url ?? pathname).replace(/\?.*/s, "").replace(/^\/v1\//, "")
    const method = request.method === "GET" && searchParams.get("list") === "true" ? "LIST" : request.method!
    const { authorization, "x-vault-namespace": namespace, "x-vault-token": token } = request.headers
    requests.push({
      method,
      path: rawPath,
      namespace: trimmed(String(namespace ?? "")),
      hadToken: token !== undefined || authorization !== undefined,
      at: now()
    })
    const call = callOf(request, await bodyOf(request), method)
    const met = faultsOf(call)
    for (const script of met) if (script.kind === "delay") await waitFor(script, response)
    // Whoever gave up while the request was on its way never had it done. The response hears of it a turn later.
    if (request.socket.destroyed) return
    const instead = met.find(({ kind }) => !["delay", "delay after", "drop after", "conflict"].includes(kind))
    if (instead !== undefined) return misbehave(instead, call, request, response)
    const isLocal = call.path === "sys/health" || call.path === "sys/seal-status"
    if (standby?.leader !== undefined && standby.until > now() && !sealed && !isLocal) {
      return send(response, redirect(standby.leader, request))
    }
    let answer: Answer
    try {
      answer = answerOf(
        call,
        request,
        replica,
        met.find(({ kind }) => kind === "conflict")
      )
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer = error.answer
    }
    for (const script of met) if (script.kind === "delay after") await waitFor(script, response)
    if (met.some(({ kind }) => kind === "drop after")) request.socket.destroy()
    else send(response, answer)
  }

  const listenerOf =
    (replica?: Replica): RequestListener =>
    (request, response) => {
      handle(request, response, replica).catch((error: unknown) => {
        if (error instanceof Refusal) return send(response, error.answer)
        // A client that hangs up in the middle of its request is none of the double's faults.
        if (request.destroyed && !request.complete) return
        violations.push(`the double failed: ${String(error)}`)
        response.destroy()
      })
    }

  const server =
    options.tls === undefined
      ? createServer(listenerOf())
      : createSecureServer(
          {
            ...options.tls,
            ...(options.requestClientCert === undefined
              ? {}
              : { ca: options.requestClientCert.ca, requestCert: true, rejectUnauthorized: true })
          },
          listenerOf()
        )
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code?.startsWith("HPE_") === true) {
      // Node's parser has no LIST, which Vault does have: GET with list=true is the same there.
      violations.push(`Node's HTTP parser refused a request: ${error.code}`)
      if (socket.writable) return void socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    }
    socket.destroy()
  })

  const listenOn = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, "127.0.0.1", () => {
        server.removeListener("error", reject)
        resolve()
      })
    })

  for (const name of ["", ...(options.namespaces ?? [])]) {
    const parts = trimmed(name).split("/")
    for (let length = 1; length <= parts.length; length += 1) {
      const each = parts.slice(0, length).join("/")
      if (namespaces.has(each)) continue
      namespaces.set(each, { mounts: new Map(), logins: new Map() })
      mount("secret", { type: "kv", version: 2 }, each)
      mount("kv", { type: "kv", version: 1 }, each)
    }
  }
  addToken(rootToken, "auth/token/root", {})
  await listenOn(0)
  const { port } = server.address() as AddressInfo

  /** The mount that a test names. */
  const mountNamed = (path: string, namespace: string): Mount => {
    const found = namespaceOf(namespace).mounts.get(`${trimmed(path)}/`)
    if (found === undefined) throw new Error(`the double has no mount ${path}`)
    return found
  }

  return {
    url: new URL(`${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`),
    rootToken,
    violations,
    requests,
    now,
    advance: (milliseconds) => {
      skew += milliseconds
    },
    mount,
    createToken: (token = {}) => addToken(`hvs.${randomUUID()}`, "auth/token/create", token).id,
    revoke: (token) => void tokens.delete(token),
    isLive: (token) => liveToken(token) !== undefined,
    login: (login) => {
      const { logins } = namespaceOf(login.namespace ?? "")
      const path = trimmed(login.mount ?? login.type)
      const others = logins.get(path) ?? []
      if (others.some(({ of }) => of.type !== login.type)) throw new Error(`another method is at ${path}`)
      const usesLeft = (login.type === "approle" ? login.secretIdUses : undefined) ?? Number.POSITIVE_INFINITY
      logins.set(path, [...others, { of: login, usesLeft }])
    },
    fault: (kind, asked = {}) => {
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
      let met = 0
      const meet = () => {
        met += 1
        arrive()
      }
      const script: Script = { kind, options: asked, released, meet, left: asked.times ?? 1 }
      scripts.push(script)
      const stop = () => {
        script.left = 0
      }
      return { met: () => met, arrived, release, stop }
    },
    seal: () => {
      sealed = true
    },
    unseal: () => {
      sealed = false
    },
    forget: () => {
      sealed = true
      initialized = false
    },
    standby: (leader, milliseconds = Number.POSITIVE_INFINITY) => {
      standby = { leader: leader === undefined ? undefined : String(leader), until: now() + milliseconds }
    },
    startStandby: async () => {
      const copy = () =>
        structuredClone(new Map([...namespaces].map(([name, { mounts }]) => [name, mounts] as const)))
      const replica: Replica = { index, mounts: copy() }
      const node = createServer(listenerOf(replica))
      await new Promise<void>((done) => node.listen(0, "127.0.0.1", done))
      return {
        url: new URL(`http://127.0.0.1:${(node.address() as AddressInfo).port}`),
        catchUp: () => {
          replica.index = index
          replica.mounts = copy()
        },
        close: async () => {
          node.closeAllConnections()
          await new Promise((done) => node.close(done))
        }
      }
    },
    activate: () => {
      standby = undefined
    },
    write: (path, name, data, namespace = "") =>
      writeAsAnother(mountNamed(path, namespace), name, () => data),
    versions: (path, name, namespace = "") => {
      const found = mountNamed(path, namespace)
      if (found.kind === "kv 1") {
        const data = found.records.get(name)
        return data === undefined ? [] : [{ version: 1, data, deleted: false }]
      }
      if (found.kind === "other") return []
      return [...(found.entries.get(name)?.versions ?? [])].map(([version, kept]) => ({
        version,
        data: kept.data,
        deleted: isDeleted(kept)
      }))
    },
    paths: (path, namespace = "") => {
      const found = mountNamed(path, namespace)
      const names =
        found.kind === "kv 1" ? found.records.keys() : found.kind === "kv 2" ? found.entries.keys() : []
      return [...names].toSorted()
    },
    close: async () => {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
    },
    listen: () => listenOn(port)
  }
}
