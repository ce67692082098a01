// @effect-diagnostics globalDate:off
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Provider } from "oidc-provider"

/** How the authorization server behaves. */
export interface AuthorizationServerOptions {
  /** Life of access tokens in seconds; absent: an hour. */
  readonly accessTokenSeconds?: number
  /** Clients that are known beforehand. */
  readonly clients?: ReadonlyArray<Record<string, unknown>>
  /** Registers clients by itself (RFC 7591); absent: it does. */
  readonly registration?: boolean
  /** Revokes tokens (RFC 7009); absent: it does. */
  readonly revocation?: boolean
  /** Approves without showing a page, so that a user can be a program that follows redirects. */
  readonly autoApprove?: boolean
  /** Takes the secrets of clients in the body only; oidc-provider itself takes them either way. */
  readonly refusesBasic?: boolean
  /** Takes no authorization request but pushed ones (RFC 9126); absent: it takes both. */
  readonly requiresPush?: boolean
  /** Gives device codes (RFC 8628), to be asked about each second; absent: it does not. */
  readonly deviceFlow?: boolean
  /** Wants its nonce in every proof (RFC 9449 §8); absent: it knows no nonces. */
  readonly dpopNonces?: boolean
  /** Its metadata does not say that it does PKCE; it does. */
  readonly silentOnPkce?: boolean
  /** Its access tokens are signed JWTs; absent: they are opaque. */
  readonly jwt?: boolean
  /** Scopes that a resource may ask for. */
  readonly scopes?: ReadonlyArray<string>
}

/** What happens instead of an answer of the token or the revocation endpoint. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: number }
  /** The connection closes without an answer. */
  | { readonly kind: "hang up" }
  /** The request is carried out, but its answer is lost. */
  | { readonly kind: "lose the answer" }
  /** The request is carried out at once, and its answer is sent after `until`. */
  | { readonly kind: "hold the answer"; readonly until: Promise<void>; readonly held?: () => void }

/** One request to the token or the revocation endpoint, as it came. */
export interface TokenRequestSeen {
  readonly parameters: URLSearchParams
  readonly authorization: string | undefined
  /** The proof of a key (RFC 9449), if there is one. */
  readonly dpop: string | undefined
}

/** A running authorization server. */
export interface AuthorizationServer {
  readonly issuer: string
  /** Requests by endpoint: `register`, `authorize`, `token:authorization_code`, `token:refresh_token`, `revoke`, `device`, `push`, `metadata`. */
  readonly counts: Map<string, number>
  readonly authorizations: ReadonlyArray<URLSearchParams>
  readonly tokenRequests: ReadonlyArray<TokenRequestSeen>
  readonly revocations: ReadonlyArray<TokenRequestSeen>
  /** Grants that were revoked because a refresh token was used twice. */
  readonly revokedGrants: () => number
  /** The next requests for or about tokens meet these, in this order. */
  readonly failNext: (...faults: ReadonlyArray<Fault>) => void
  /** Whether it would take an access token for a resource, and for which scopes. */
  readonly introspect: (
    token: string,
    resource: string
  ) => Promise<{
    readonly active: boolean
    readonly scopes: ReadonlyArray<string>
    /** Thumbprint of the key that it is bound to (RFC 9449 §6); absent: it is bound to none. */
    readonly thumbprint: string | undefined
  }>
  /** Forgets every token, grant and session, as a restart with an empty memory does; clients stay. */
  readonly forgetTokens: () => void
  /** Forgets the clients that registered themselves. */
  readonly forgetClients: () => void
  readonly close: () => Promise<void>
}

const page = (title: string, body: string) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><body style="font-family:system-ui;max-width:30rem;margin:4rem auto">${body}</body></html>`

const escape = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

/** What ID tokens are signed with; nobody here reads them. */
const signingKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" })

/** The memory of one server; oidc-provider's own is shared by all servers of a process. */
const makeAdapter = () => {
  const models = new Map<string, Map<string, { payload: Record<string, unknown>; expiresAt: number }>>()
  const of = (model: string) => {
    const records = models.get(model) ?? new Map()
    models.set(model, records)
    return records
  }
  class Adapter {
    readonly model: string
    constructor(model: string) {
      this.model = model
    }
    async upsert(id: string, payload: Record<string, unknown>, expiresIn?: number) {
      of(this.model).set(id, { payload, expiresAt: Date.now() + (expiresIn ?? 3600) * 1000 })
    }
    async find(id: string) {
      const record = of(this.model).get(id)
      return record === undefined || record.expiresAt < Date.now() ? undefined : record.payload
    }
    async findByUid(uid: string) {
      return [...of(this.model).values()].find(({ payload }) => payload["uid"] === uid)?.payload
    }
    async findByUserCode(code: string) {
      return [...of(this.model).values()].find(({ payload }) => payload["userCode"] === code)?.payload
    }
    async consume(id: string) {
      const record = of(this.model).get(id)
      if (record !== undefined) record.payload["consumed"] = Math.floor(Date.now() / 1000)
    }
    async destroy(id: string) {
      of(this.model).delete(id)
    }
    async revokeByGrantId(grantId: string) {
      for (const records of models.values()) {
        for (const [id, { payload }] of records) if (payload["grantId"] === grantId) records.delete(id)
      }
    }
  }
  return { Adapter, models }
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}

/**
 * Starts a real authorization server, the certified `oidc-provider`, on loopback: PKCE with S256, resource indicators,
 * `iss`, refresh tokens that rotate and whose reuse revokes the grant.
 */
export const startAuthorizationServer = async (
  options: AuthorizationServerOptions = {}
): Promise<AuthorizationServer> => {
  const scopes = options.scopes ?? ["mcp:read", "mcp:write"]
  const counts = new Map<string, number>()
  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  const authorizations: Array<URLSearchParams> = []
  const tokenRequests: Array<TokenRequestSeen> = []
  const revocations: Array<TokenRequestSeen> = []
  const faults: Array<Fault> = []
  let revokedGrants = 0

  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const { Adapter, models } = makeAdapter()

  const provider = new Provider(issuer, {
    adapter: Adapter,
    clients: options.clients ?? [],
    scopes: ["openid", "offline_access", ...scopes],
    clientDefaults: { token_endpoint_auth_method: "none" },
    clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
    jwks: { keys: [signingKey] },
    pkce: { required: () => true },
    routes: {
      authorization: "/authorize",
      token: "/token",
      registration: "/register",
      revocation: "/revoke",
      device_authorization: "/device_authorization",
      pushed_authorization_request: "/par",
      code_verification: "/device"
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: {
        enabled: true,
        nonceSecret: options.dpopNonces === true ? randomBytes(32) : undefined,
        requireNonce: () => options.dpopNonces === true
      },
      deviceFlow: {
        enabled: options.deviceFlow === true,
        userCodeInputSource: (ctx: { body: string }, form: string, _out: unknown, error?: Error) => {
          const said = error === undefined ? "" : `<p>${escape(error.message)}</p>`
          ctx.body = page(
            "Enter the code",
            `<h1>Enter the code</h1>${said}${form}<button form="op.deviceInputForm">Continue</button>`
          )
        },
        userCodeConfirmSource: (
          ctx: { body: string },
          form: string,
          _client: unknown,
          _device: unknown,
          code: string
        ) => {
          ctx.body = page(
            "Is this your code?",
            `<h1>Is this your code?</h1><p><b>${escape(code)}</b></p>${form}<button form="op.deviceConfirmForm">Yes</button> <button form="op.deviceConfirmForm" name="abort" value="yes">No</button>`
          )
        },
        successSource: (ctx: { body: string }) => {
          ctx.body = page("Signed in", "<h1>Signed in on the device</h1>")
        }
      },
      pushedAuthorizationRequests: {
        enabled: true,
        requirePushedAuthorizationRequests: options.requiresPush === true
      },
      registration: { enabled: options.registration !== false },
      revocation: {
        enabled: options.revocation !== false,
        // Each client its own tokens only (RFC 7009 §2.1).
        allowedPolicy: (
          _ctx: unknown,
          client: { readonly clientId: string },
          token: { readonly clientId: string }
        ) => token.clientId === client.clientId
      },
      resourceIndicators: {
        enabled: true,
        // Endpoints by hand send no resource: the server then has one of its own in mind, as classic servers do.
        defaultResource: () => `${issuer}/default`,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx: unknown, resource: string) => ({
          scope: scopes.join(" "),
          audience: resource,
          accessTokenFormat: options.jwt === true ? "jwt" : "opaque",
          accessTokenTTL: options.accessTokenSeconds ?? 3600
        })
      }
    },
    ttl: {
      AccessToken: options.accessTokenSeconds ?? 3600,
      ClientCredentials: options.accessTokenSeconds ?? 3600,
      RefreshToken: 86_400,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 600,
      AuthorizationCode: 60,
      DeviceCode: 600
    },
    issueRefreshToken: () => true,
    rotateRefreshToken: () => true,
    findAccount: (_ctx: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_ctx: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
    cookies: { keys: ["a key of a test"] },
    renderError: (
      ctx: { body: string; type: string },
      out: { error: string; error_description?: string }
    ) => {
      ctx.type = "html"
      ctx.body = page("Error", `<h1>${escape(out.error)}</h1><p>${escape(out.error_description ?? "")}</p>`)
    }
  })
  // What oidc-provider leaves out, so that nobody waits for five seconds.
  provider.use(async (context, next) => {
    await next()
    const { body, oidc } = context
    if (oidc?.route === "device_authorization" && typeof body === "object" && body !== null) {
      context.body = { ...body, interval: 1 }
    }
    if (options.silentOnPkce === true && oidc?.route === "discovery") {
      const { code_challenge_methods_supported: _, ...said } = body as Record<string, unknown>
      context.body = said
    }
  })
  provider.on("grant.revoked", () => {
    revokedGrants += 1
  })

  const approve = async (request: IncomingMessage, response: ServerResponse) => {
    const { grantId, params, prompt } = await provider.interactionDetails(request, response)
    if (prompt.name === "login") {
      return provider.interactionFinished(request, response, { login: { accountId: "demo" } })
    }
    // As in the example of oidc-provider: a browser session has one grant per client.
    const grant =
      (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
      new provider.Grant({ accountId: "demo", clientId: params["client_id"] ?? "" })
    const asked = (params["scope"] ?? "").split(" ").filter((scope) => scope !== "")
    grant.addOIDCScope(asked.join(" "))
    grant.addResourceScope(
      params["resource"] ?? `${issuer}/default`,
      asked.filter((scope) => scopes.includes(scope)).join(" ")
    )
    return provider.interactionFinished(
      request,
      response,
      { consent: { grantId: await grant.save() } },
      { mergeWithLastSubmission: true }
    )
  }

  const interact = async (request: IncomingMessage, response: ServerResponse) => {
    const { params, prompt, uid } = await provider.interactionDetails(request, response)
    if (request.method === "POST") {
      const answer = new URLSearchParams(await readBody(request)).get("answer")
      if (answer !== "approve") {
        return provider.interactionFinished(request, response, {
          error: "access_denied",
          error_description: "The user said no"
        })
      }
      return approve(request, response)
    }
    if (options.autoApprove === true || prompt.name === "login") return approve(request, response)
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(
      page(
        "Approve?",
        `<h1>Approve?</h1><p><b>${escape(params["client_id"] ?? "")}</b> asks for: ${escape(params["scope"] ?? "nothing in particular")}</p>
         <form method="post" action="/interaction/${uid}"><button name="answer" value="approve">Approve</button> <button name="answer" value="deny">Deny</button></form>`
      )
    )
  }

  const fail = (fault: Fault, request: IncomingMessage, response: ServerResponse) => {
    if (fault.kind === "hang up") return void request.socket.destroy()
    if (fault.kind === "lose the answer") {
      response.end = () => (request.socket.destroy(), response)
      return serve(request, response)
    }
    if (fault.kind === "hold the answer") {
      const end = response.end.bind(response)
      response.end = ((body: string) => {
        fault.held?.()
        void fault.until.then(() => end(body))
        return response
      }) as typeof response.end
      return serve(request, response)
    }
    response
      .writeHead(
        fault.status,
        fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) }
      )
      .end("away")
  }

  const serve = provider.callback()

  http.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", issuer)
    if (url.pathname.startsWith("/.well-known/")) {
      count("metadata")
      // The same document under the name of RFC 8414; oidc-provider has OpenID Connect's only.
      if (url.pathname === "/.well-known/oauth-authorization-server")
        request.url = "/.well-known/openid-configuration"
    }
    if (url.pathname === "/authorize") {
      count("authorize")
      authorizations.push(url.searchParams)
    }
    if (url.pathname === "/register") count("register")
    if (url.pathname === "/par") count("push")
    if (url.pathname === "/device_authorization") count("device")
    if (url.pathname.startsWith("/interaction/")) {
      return void interact(request, response).catch(() => response.writeHead(400).end("no such interaction"))
    }
    if (url.pathname !== "/token" && url.pathname !== "/revoke") return serve(request, response)
    // Read beside oidc-provider, which reads the same stream for itself.
    let body = ""
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.once("end", () => {
      const parameters = new URLSearchParams(body)
      const { authorization, dpop } = request.headers
      const seen = { parameters, authorization, dpop: dpop === undefined ? undefined : String(dpop) }
      count(url.pathname === "/revoke" ? "revoke" : `token:${parameters.get("grant_type") ?? ""}`)
      ;(url.pathname === "/revoke" ? revocations : tokenRequests).push(seen)
    })
    const fault = faults.shift()
    if (fault !== undefined) return fail(fault, request, response)
    if (options.refusesBasic === true && request.headers.authorization !== undefined) {
      return void response
        .writeHead(401, { "content-type": "application/json" })
        .end('{"error":"invalid_client"}')
    }
    return serve(request, response)
  })

  return {
    issuer,
    counts,
    authorizations,
    tokenRequests,
    revocations,
    revokedGrants: () => revokedGrants,
    failNext: (...next) => void faults.push(...next),
    introspect: async (token, resource) => {
      const found = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token))
      const audience = found?.aud === undefined ? [] : [found.aud].flat()
      const active =
        found !== undefined &&
        !found.isExpired &&
        (audience.includes(resource) || audience.includes(`${issuer}/default`))
      return { active, scopes: active ? (found.scope ?? "").split(" ") : [], thumbprint: found?.jkt }
    },
    forgetTokens: () => {
      for (const model of ["AccessToken", "RefreshToken", "Grant", "Session"]) models.get(model)?.clear()
    },
    forgetClients: () => models.get("Client")?.clear(),
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      })
  }
}
