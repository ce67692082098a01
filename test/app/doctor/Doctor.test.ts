import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as ScriptedAuthorizationServer from "../../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import * as MemoryStore from "../../../src/adapters/store/memory/MemoryStore.ts"
import { ChosenStorage } from "../../../src/app/storage/ChosenStorage.ts"
import * as Doctor from "../../../src/app/doctor/Doctor.ts"
import { remedyText } from "../../../src/app/cli/RemedyText.ts"
import * as StorageCheck from "../../../src/app/storage/StorageCheck.ts"
import {
  AuthorizationServerMetadata,
  type DiscoveredServer,
  endpointsWithoutMetadata
} from "../../../src/domain/AuthorizationServer.ts"
import { ConfiguredRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { type RemoteServer, resourceOf } from "../../../src/domain/Server.ts"
import { Malformed, Transient } from "../../../src/domain/TokenFailure.ts"
import { type FailedRenewal, TokenSet } from "../../../src/domain/TokenSet.ts"
import { CallbackListener, RedirectPortBusy } from "../../../src/ports/CallbackListener.ts"
import { CredentialStore, StorageError } from "../../../src/ports/CredentialStore.ts"
import {
  Discovery,
  DiscoveryError,
  type DiscoveryRefusal,
  SignInNotOffered
} from "../../../src/ports/Discovery.ts"
import { HttpTransport, NetworkError } from "../../../src/ports/HttpTransport.ts"
import { Proxy, type ProxyRoute } from "../../../src/ports/Proxy.ts"
import { Locked } from "../../../src/ports/StorageFailure.ts"
import { byHand, serverNamed } from "../World.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"

interface Options extends ScriptedAuthorizationServer.ScriptedOptions {
  /** What the server answers; absent: a 401 with a plain Bearer challenge. */
  readonly answer?: (request: Request) => Response
  readonly route?: ProxyRoute
  /** The port of the redirect URI is taken. */
  readonly busy?: boolean
  readonly discover?: Discovery["Service"]["discover"]
  /** What the page of a sign-in names as its token endpoints. */
  readonly ownTokenEndpoints?: ReadonlyArray<URL>
  readonly brokenStore?: boolean
  /** No server answers at all. */
  readonly refused?: boolean
  /** What the authorization endpoint answers to the request of a client. */
  readonly authorize?: () => Response
  /** What the token endpoint answers; absent: the error of RFC 6749 for a request without a grant. */
  readonly token?: (request: Request) => Response
  /** Every request that was sent. */
  readonly sent?: Array<Request>
}

const challenged = (parameters = 'realm="mcp"', headers: Readonly<Record<string, string>> = {}) =>
  new Response(null, { status: 401, headers: { "www-authenticate": `Bearer ${parameters}`, ...headers } })

const refusing = () => Response.json({ error: "invalid_request" }, { status: 400 })

const redirecting = (location: string) => new Response(null, { status: 302, headers: { location } })

const locked = Effect.fail(
  new StorageError({
    reason: new Locked({ backend: storageBackends.keychain, detail: "nobody has unlocked it" })
  })
)

const storeThatIsLocked = Layer.effect(
  CredentialStore,
  Effect.map(CredentialStore, (store) => ({ ...store, get: () => locked, unlock: locked }))
).pipe(Layer.provide(MemoryStore.layer))

const on = (options: Options = {}) =>
  Doctor.layer.pipe(
    Layer.provide(StorageCheck.layer),
    Layer.provide(
      options.discover === undefined
        ? ScriptedAuthorizationServer.layer(options)
        : Layer.succeed(Discovery, {
            discover: options.discover,
            tokenEndpointsFor: () => Effect.succeed(options.ownTokenEndpoints ?? [])
          })
    ),
    Layer.provide(
      Layer.mergeAll(
        Layer.succeed(HttpTransport, {
          send: (request) =>
            Effect.gen(function* () {
              options.sent?.push(request)
              const { origin, pathname, searchParams } = new URL(request.url)
              if (options.refused === true) {
                return yield* new NetworkError({ origin, detail: "the connection was refused" })
              }
              if (pathname.endsWith("/authorize") && searchParams.has("client_id")) {
                return options.authorize?.() ?? redirecting("https://as.test/login")
              }
              if (pathname.endsWith("/token")) {
                return options.token?.(request) ?? refusing()
              }
              return options.answer?.(request) ?? challenged()
            })
        }),
        Layer.succeed(Proxy, { routeTo: () => Effect.succeed(options.route) }),
        Layer.succeed(CallbackListener, {
          bind: ({ redirectUri, server }) =>
            options.busy === true
              ? Effect.fail(new RedirectPortBusy({ server, redirectUri: redirectUri.href }))
              : Effect.succeed({
                  redirectUri,
                  checksUser: true,
                  conclude: () => Effect.void,
                  redirectOnce: Effect.succeed,
                  receive: () => Effect.never
                })
        }),
        Layer.effect(
          ChosenStorage,
          Effect.map(CredentialStore, (store) => ({
            inUse: Effect.succeed({
              backend: "memory" as const,
              reason: "a test says so",
              since: undefined,
              isNamed: false,
              migratingFrom: [],
              copiedTo: []
            }),
            open: Effect.succeed({ store, lock: { withLock: () => (effect) => effect } })
          }))
        )
      )
    ),
    Layer.provideMerge(options.brokenStore === true ? storeThatIsLocked : MemoryStore.layer)
  )

/** The findings by their checks. */
const examine = Effect.fnUntraced(function* (server: RemoteServer = serverNamed("demo"), account?: string) {
  const findings = yield* Doctor.Doctor.use((doctor) => doctor.examine(server, account))
  assert.deepStrictEqual(
    findings.map(({ check }) => check),
    [...Doctor.checks]
  )
  const by = new Map(findings.map((finding) => [finding.check, finding]))
  return (check: Doctor.Finding["check"]): Doctor.Finding => {
    const finding = by.get(check)
    if (finding === undefined) throw new Error(`no line for ${check}`)
    return finding
  }
})

/** A finding as the command line shows it. */
const shown = ({ remedies, what }: Doctor.Finding): string =>
  [what, ...remedies.map((remedy) => remedyText(remedy))].join(" -> ")

const hasStatus = (finding: Doctor.Finding, status: Doctor.Finding["status"], ...words: Array<string>) => {
  assert.strictEqual(finding.status, status, JSON.stringify(finding))
  for (const word of words) assert.include(shown(finding), word)
}

const answering = (status: number, headers: Readonly<Record<string, string>> = {}) => ({
  answer: () => new Response(null, { status, headers })
})

const notOffered = (server: RemoteServer) => Effect.fail(new SignInNotOffered({ server: server.name }))

/** What discovery finds where nothing describes the server. */
const guessed = (server: RemoteServer): Effect.Effect<DiscoveredServer> =>
  Effect.succeed({
    metadata: endpointsWithoutMetadata(server.url),
    resource: resourceOf(server),
    scopes: []
  })

/** A server whose authorization server says as little as it may, and this. */
const described =
  (said: Partial<AuthorizationServerMetadata>) =>
  (server: RemoteServer): Effect.Effect<DiscoveredServer> =>
    Effect.succeed({
      metadata: new AuthorizationServerMetadata({
        issuer: "https://as.test",
        token_endpoint: "https://as.test/token",
        ...said
      }),
      resource: resourceOf(server),
      scopes: []
    })

const keeping = (changes: {
  readonly issuer?: string
  readonly resource?: string
  readonly expiresAt?: number
  readonly refreshToken?: boolean
  readonly refusal?: string
  readonly failed?: FailedRenewal
  readonly lacksType?: true
}) =>
  CredentialStore.use((store) =>
    store.put(
      CredentialKey.of("demo"),
      new Credential({
        resource: changes.resource ?? "https://demo.test/mcp",
        issuer: changes.issuer ?? "https://as.test",
        tokenEndpoint: "https://as.test/token",
        registration: new ConfiguredRegistration({ clientId: "written", authenticationMethod: "none" }),
        tokens: new TokenSet({
          accessToken: Redacted.make("an-access-token"),
          tokenType: "bearer",
          obtainedAt: 0,
          expiresAt: changes.expiresAt ?? 3_600_000,
          ...(changes.refusal === undefined ? {} : { refusal: changes.refusal }),
          ...(changes.lacksType === undefined ? {} : { lacksType: changes.lacksType }),
          ...(changes.failed === undefined ? {} : { failed: changes.failed }),
          ...(changes.refreshToken === false ? {} : { refreshToken: Redacted.make("a-refresh-token") })
        }),
        grantedScopes: ["read"],
        generation: 1
      })
    )
  )

const tokenAlone = {
  source: {
    _tag: "ByHand",
    tokenEndpoint: new URL("https://as.test/token"),
    client: { clientId: "written", clientSecret: undefined }
  }
} as const

const written = {
  source: { _tag: "Discovered", client: { clientId: "written", clientSecret: undefined } }
} as const

describe("an examination", () => {
  it.effect("has nothing to say against a server that is in order, and sends no token", () => {
    const sent: Array<Request> = []
    return Effect.gen(function* () {
      yield* keeping({})
      const of = yield* examine(serverNamed("demo", written))
      for (const check of Doctor.checks) assert.notStrictEqual(of(check).status, "wrong", check)
      hasStatus(
        of("sign-in"),
        "ok",
        "until 1970-01-01T01:00:00.000Z",
        "for read",
        "the next use after that renews it"
      )
      hasStatus(of("storage"), "ok", "memory, because a test says so")
      assert.deepStrictEqual(
        sent.map(({ headers, method, url }) => [method, url.split("?")[0], headers.get("authorization")]),
        [
          ["POST", "https://demo.test/mcp", null],
          ["GET", "https://as.test/authorize", null],
          ["POST", "https://as.test/token", null]
        ]
      )
    }).pipe(Effect.provide(on({ sent })))
  })

  it.effect.each([
    [200, "note", "answers without a sign-in"],
    // What a server answers that wants a session first.
    [400, "note", "answers without a sign-in"],
    [403, "wrong", '"headers"'],
    [404, "wrong", '"url"'],
    [405, "wrong", '"url"'],
    [429, "wrong", "later"],
    [503, "wrong", "later"]
  ] as const)("tells what %s of a server means", ([code, status, word]) =>
    Effect.gen(function* () {
      const of = yield* examine()
      hasStatus(of("server"), status, String(code), word)
      // One cause is one line that is wrong.
      const others = Doctor.checks.filter((check) => check !== "server")
      assert.isEmpty(others.filter((check) => of(check).status === "wrong"))
      hasStatus(of("metadata"), status === "note" ? "note" : "skipped")
      if (status === "note") hasStatus(of("sign-in"), "note", "not needed: demo can be used as it is")
    }).pipe(Effect.provide(on({ ...answering(code), discover: notOffered })))
  )

  it.effect.each([200, 204, 400])("fails at a server that answers %s, but not as an MCP server", (code) =>
    Effect.gen(function* () {
      const of = yield* examine()
      hasStatus(of("server"), "wrong", "it is a web page", '"url"', "/mcp")
      hasStatus(of("metadata"), "skipped")
    }).pipe(
      Effect.provide(
        on({
          ...answering(code),
          discover: ({ name }) =>
            Effect.fail(new DiscoveryError({ server: name, reason: "not MCP", detail: "it is a web page" }))
        })
      )
    )
  )

  it.effect.each([
    [307, "/mcp/", "ok", "redirects to /mcp/ and requires a sign-in (401)"],
    [308, "https://demo.test/v2", "ok", "redirects to /v2 and requires a sign-in (401)"],
    [301, "/mcp/", "wrong", "redirects to https://demo.test/mcp/ (301)"],
    [302, "/login?secret=x", "wrong", '"url": "https://demo.test/login"'],
    [307, "https://elsewhere.test/mcp", "wrong", "redirects to https://elsewhere.test/mcp (307)"],
    [303, "http://[", "wrong", "it redirects (303)"]
  ] as const)("says where a server redirects to: %s %s", ([code, location, status, words]) =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("server"), status, words)
    }).pipe(
      Effect.provide(
        on({
          answer: ({ url }) =>
            new URL(url).pathname === "/mcp"
              ? new Response(null, { status: code, headers: { location } })
              : challenged()
        })
      )
    )
  )

  it.effect("asks servers of the older SSE transport as they want to be asked", () => {
    const sent: Array<Request> = []
    const answer = ({ method }: Request) =>
      method === "GET" ? challenged() : new Response(null, { status: 405 })
    return Effect.gen(function* () {
      hasStatus((yield* examine())("server"), "ok", "401")
      hasStatus((yield* examine({ ...serverNamed("demo"), transport: "sse" }))("server"), "ok", "401")
      assert.deepStrictEqual(
        sent.filter(({ url }) => !url.includes("/token")).map(({ method }) => method),
        ["POST", "GET", "GET"]
      )
    }).pipe(Effect.provide(on({ sent, answer })))
  })

  it.effect("looks at the sign-in of a server that has a header of its own, without that", () => {
    const sent: Array<Request> = []
    return Effect.gen(function* () {
      const headers = { Authorization: Redacted.make("Bearer of-its-own"), "X-Team": Redacted.make("blue") }
      hasStatus((yield* examine({ ...serverNamed("demo"), headers }))("server"), "note", '"headers"')
      assert.strictEqual(sent[0]?.headers.get("x-team"), "blue")
      assert.isNull(sent[0]?.headers.get("authorization"))
    }).pipe(Effect.provide(on({ sent })))
  })

  it.effect("does not look for the metadata of a server that is not well", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("metadata"), "skipped")
    }).pipe(
      Effect.provide(on({ ...answering(503), discover: () => Effect.die("the server was asked again") }))
    )
  )

  it.effect("compares the clock with the server's, and lets a minute pass", () =>
    Effect.gen(function* () {
      const date = Date.parse("Mon, 01 Jan 2024 00:00:00 GMT")
      for (const [now, status] of [
        [date + 60_000, "ok"],
        [date + 61_000, "wrong"],
        [date - 60_000, "ok"],
        [date - 61_000, "wrong"]
      ] as const) {
        yield* TestClock.setTime(now)
        hasStatus((yield* examine())("clock"), status)
      }
      hasStatus((yield* examine())("clock"), "wrong", "61 seconds behind")
    }).pipe(
      Effect.provide(on({ answer: () => challenged(undefined, { date: "Mon, 01 Jan 2024 00:00:00 GMT" }) }))
    )
  )

  it.effect("shows nothing of a challenge that could rewrite the screen", () =>
    Effect.gen(function* () {
      const of = yield* examine()
      hasStatus(of("challenge"), "ok", "names its metadata", "requires read")
      // oxlint-disable-next-line no-control-regex -- these are what must not be there
      assert.notMatch(JSON.stringify(of("challenge")), /\\u009b|\u009b/)
    }).pipe(
      Effect.provide(
        on({ answer: () => challenged('resource_metadata="https://demo.test/\u009b2J", scope="read"') })
      )
    )
  )

  it.effect.each([
    ["no metadata", "metadata"],
    ["private address", "metadata"],
    ["issuer mismatch", "issuer"],
    ["issuer not listed", "issuer"],
    ["token endpoint mismatch", "issuer"],
    ["resource mismatch", "resource"],
    ["moved", "server"]
  ] as const satisfies ReadonlyArray<readonly [DiscoveryRefusal, string]>)(
    "shows %s in its own line and reaches nothing behind it",
    ([reason, check]) =>
      Effect.gen(function* () {
        const of = yield* examine()
        hasStatus(of(check), "wrong", "what was found")
        assert.deepStrictEqual(
          Doctor.checks.filter((other) => of(other).status === "wrong"),
          [check]
        )
        if (check === "server") hasStatus(of("metadata"), "skipped")
        for (const other of ["scopes", "registration", "PKCE", "DPoP", "redirect"] as const) {
          hasStatus(of(other), "skipped")
        }
      }).pipe(
        Effect.provide(
          on({
            discover: ({ name }) =>
              Effect.fail(new DiscoveryError({ server: name, reason, detail: "what was found" }))
          })
        )
      )
  )

  /** An issuer that names the page of another origin, as a mix-up does. */
  const mixed = (server: RemoteServer) =>
    Effect.map(guessed(server), (found) => ({
      ...found,
      metadata: new AuthorizationServerMetadata({
        ...found.metadata,
        authorization_endpoint: "https://honest.test/authorize"
      })
    }))

  it.effect.each([
    ["note", [], "https://honest.test"],
    ["wrong", [new URL("https://honest.test/token")], "https://honest.test names https://honest.test"]
  ] as const)("says who gets the result of an approval: %s", ([status, ownTokenEndpoints, word]) =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("issuer"), status, word, '"issuer"')
    }).pipe(Effect.provide(on({ discover: mixed, ownTokenEndpoints })))
  )

  const spelled = (server: RemoteServer) =>
    Effect.map(guessed(server), (found) => ({
      ...found,
      issuerSpelling: "https://as.test/",
      metadata: new AuthorizationServerMetadata({ ...found.metadata, issuer: "https://as.test" })
    }))

  it.effect("notes an issuer that differs by the slash of an origin", () =>
    Effect.gen(function* () {
      const named = (yield* examine())("issuer")
      hasStatus(named, "note", "https://as.test, which the server writes https://as.test/")
      const configured = (yield* examine(serverNamed("demo", { issuer: "https://as.test/" })))("issuer")
      hasStatus(configured, "note", "https://as.test, which the configuration writes https://as.test/")
    }).pipe(Effect.provide(on({ discover: spelled })))
  )

  it.effect("does not call guessed endpoints metadata", () =>
    Effect.gen(function* () {
      const of = yield* examine()
      hasStatus(of("metadata"), "note", "none", "/authorize")
      hasStatus(of("issuer"), "note", "nothing confirms it")
      assert.notInclude(of("PKCE").what, "announce")
    }).pipe(Effect.provide(on({ discover: guessed })))
  )

  it.effect("says where the scopes come from, and which are not offered", () =>
    Effect.gen(function* () {
      hasStatus(
        (yield* examine())("scopes"),
        "ok",
        "read offline_access",
        "challenge",
        "offline_access is added"
      )
      hasStatus(
        (yield* examine(serverNamed("demo", { scopes: ["read", "odd"] })))("scopes"),
        "note",
        "odd is not"
      )
    }).pipe(
      Effect.provide(
        on({
          answer: () => challenged('scope="read"'),
          metadata: { scopes_supported: ["read", "offline_access"] }
        })
      )
    )
  )

  it.effect("asks for no offline_access where nobody has to be there", () =>
    Effect.gen(function* () {
      const server = serverNamed("demo", { ...written, grant: { _tag: "ClientCredentials" } })
      assert.notInclude((yield* examine(server))("scopes").what, "offline_access")
    }).pipe(
      Effect.provide(
        on({
          answer: () => challenged('scope="read"'),
          metadata: { scopes_supported: ["read", "offline_access"] }
        })
      )
    )
  )

  it.effect("misses the endpoint that the grant needs", () =>
    Effect.gen(function* () {
      const device = serverNamed("demo", { grant: { _tag: "DeviceCode" } })
      hasStatus((yield* examine(device))("metadata"), "wrong", '"grant_type"')
      hasStatus((yield* examine())("metadata"), "wrong", "authorization_endpoint")
    }).pipe(Effect.provide(on({ discover: described({}) })))
  )

  it.effect("misses the issuer that a device code with a secret needs", () =>
    Effect.gen(function* () {
      const client = { clientId: "c", clientSecret: Redacted.make("s") }
      const source = { _tag: "Discovered", client } as const
      const grant = { _tag: "DeviceCode" } as const
      hasStatus((yield* examine(serverNamed("demo", { source, grant })))("issuer"), "wrong", '"issuer"')
      const named = yield* examine(serverNamed("demo", { source, grant, issuer: "https://as.test" }))
      assert.notStrictEqual(named("issuer").status, "wrong")
    }).pipe(
      Effect.provide(on({ discover: described({ device_authorization_endpoint: "https://as.test/device" }) }))
    )
  )

  it.effect("needs no browser where the authorization server offers none, and the client has a right", () =>
    Effect.gen(function* () {
      const client = { clientId: "c", clientSecret: Redacted.make("s") }
      const source = { _tag: "Discovered", client } as const
      const of = yield* examine(serverNamed("demo", { source, issuer: "https://as.test" }))
      hasStatus(of("metadata"), "ok")
      hasStatus(of("PKCE"), "note", "no browser")
      hasStatus(of("redirect"), "note", "no browser")
      const unnamed = yield* examine(serverNamed("demo", { source }))
      hasStatus(unnamed("metadata"), "wrong", "client credentials only")
    }).pipe(Effect.provide(on({ discover: described({ grant_types_supported: ["client_credentials"] }) })))
  )

  it.effect("needs a browser where authorization codes are among what is offered", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("PKCE"), "ok", "announces")
    }).pipe(
      Effect.provide(
        on({ metadata: { grant_types_supported: ["client_credentials", "authorization_code"] } })
      )
    )
  )

  it.effect("does not say that a provider announces what is only known of it", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("PKCE"), "ok", "Microsoft Entra supports without announcing it")
    }).pipe(
      Effect.provide(
        on({
          discover: described({
            authorization_endpoint: "https://login.microsoftonline.com/authorize",
            token_endpoint: "https://login.microsoftonline.com/token"
          })
        })
      )
    )
  )

  it.effect("says which client it would be", () =>
    Effect.gen(function* () {
      const clientMetadataUrl = "https://me.test/client.json"
      hasStatus((yield* examine())("registration"), "ok", "registration is offered")
      hasStatus((yield* examine(serverNamed("demo", written)))("registration"), "ok", "client_id written")
      hasStatus(
        (yield* examine(serverNamed("demo", { clientMetadataUrl })))("registration"),
        "ok",
        clientMetadataUrl
      )
      hasStatus(
        (yield* examine(serverNamed("demo", { ...written, clientMetadataUrl })))("registration"),
        "note",
        "client_id takes precedence"
      )
    }).pipe(Effect.provide(on({ metadata: { client_id_metadata_document_supported: true } })))
  )

  it.effect.each<readonly [string, () => Response, string, string]>([
    [
      "a page of status 400",
      () => new Response("", { status: 400 }),
      "HTTP 400), which the browser alone",
      "client_id"
    ],
    [
      "a page of the server",
      () => redirecting("/error?error=invalid_client&error_description=Unknown%20client"),
      "(invalid_client: Unknown client), which the browser alone would show",
      "redirect_uri"
    ],
    [
      "a callback for the scopes",
      () => redirecting("http://localhost:8080/callback?error=invalid_scope"),
      "refuses its request (invalid_scope)",
      "scopes"
    ],
    [
      "a callback for the client",
      () => redirecting("http://localhost:8080/callback?error=unauthorized_client"),
      "refuses its request (unauthorized_client)",
      "client_id"
    ]
  ])(
    "says that the authorization endpoint refuses the configured client by %s",
    ([, authorize, words, field]) =>
      Effect.gen(function* () {
        for (const server of [serverNamed("demo", written), byHand("demo")]) {
          hasStatus((yield* examine(server))("registration"), "wrong", words, `"${field}"`)
        }
        // A client that is registered at the sign-in has no request to try.
        hasStatus((yield* examine())("registration"), "ok")
      }).pipe(Effect.provide(on({ authorize })))
  )

  it.effect.each<readonly [string, () => Response]>([
    ["a sign-in page", () => new Response("", { status: 200 })],
    ["a callback without a user", () => redirecting("http://localhost:8080/callback?error=login_required")],
    ["a refusal of programs", () => new Response("", { status: 403 })],
    ["no answer", () => new Response("", { status: 503 })]
  ])("finds nothing wrong with a configured client in %s", ([, authorize]) =>
    Effect.gen(function* () {
      hasStatus((yield* examine(serverNamed("demo", written)))("registration"), "ok")
    }).pipe(Effect.provide(on({ authorize })))
  )

  it.effect("says how a client cannot authenticate, as far as the metadata tells", () =>
    Effect.gen(function* () {
      const verdictOn = (client: object, oauth: object = {}) =>
        Effect.map(
          examine(
            serverNamed("demo", {
              source: { _tag: "Discovered", client: { clientId: "c", clientSecret: undefined, ...client } },
              ...oauth
            })
          ),
          (of) => of("registration")
        )
      const secret = { clientSecret: Redacted.make("s") }
      hasStatus(yield* verdictOn(secret), "ok", "whether it is right shows at the sign-in")
      hasStatus(
        yield* verdictOn({}),
        "note",
        "announces client_secret_post, and no clients without a secret",
        '"client_secret"'
      )
      hasStatus(
        yield* verdictOn(secret, { tokenEndpointAuthMethod: "client_secret_basic" }),
        "note",
        "by client_secret_basic; the authorization server announces client_secret_post",
        '"token_endpoint_auth_method"'
      )
      hasStatus(yield* verdictOn(secret, { tokenEndpointAuthMethod: "client_secret_post" }), "ok")
      const signingKey = { pem: Redacted.make("p"), keyId: undefined, algorithm: undefined }
      hasStatus(yield* verdictOn({ signingKey }), "note", "by private_key_jwt", '"private_key"')
    }).pipe(
      Effect.provide(on({ metadata: { token_endpoint_auth_methods_supported: ["client_secret_post"] } }))
    )
  )

  it.effect("says what to do where no client can be had", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("registration"), "wrong", '"client_id"')
    }).pipe(Effect.provide(on({ registration: false })))
  )

  it.effect("knows when PKCE is announced, assumed, refused, or not needed", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("PKCE"), "wrong", '"assume_pkce": true')
      hasStatus((yield* examine(serverNamed("demo", { assumePkce: true })))("PKCE"), "ok", "assumed")
      hasStatus((yield* examine(serverNamed("demo", { usePkce: false })))("PKCE"), "note", "use_pkce")
      hasStatus(
        (yield* examine(serverNamed("demo", { grant: { _tag: "DeviceCode" } })))("PKCE"),
        "note",
        "browser"
      )
    }).pipe(Effect.provide(on({ pkce: "unsaid" })))
  )

  it.effect.each([["plain"], ["s256"], []])("says what is announced instead of PKCE with S256: %j", (pkce) =>
    Effect.gen(function* () {
      const listed = `it lists: ${pkce[0] ?? "none"}`
      hasStatus((yield* examine())("PKCE"), "wrong", listed, '"assume_pkce": true', '"use_pkce": false')
    }).pipe(Effect.provide(on({ pkce })))
  )

  it.effect("finds that tokens cannot be bound to a key", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("DPoP"), "wrong", "ES256")
      hasStatus((yield* examine(serverNamed("demo", { dpop: false })))("DPoP"), "wrong", '"dpop": false')
    }).pipe(Effect.provide(on({ dpopRequired: true })))
  )

  const requiresPush = {
    require_pushed_authorization_requests: true,
    code_challenge_methods_supported: ["S256"]
  }

  it.effect.each([
    ["offered", { pushedAuthorization: "offered" }, serverNamed("demo"), "ok", "not required"],
    [
      "required",
      { pushedAuthorization: "required" },
      serverNamed("demo"),
      "ok",
      "https://as.test/par, as the auth"
    ],
    [
      "named by hand",
      {},
      byHand("demo", {
        source: {
          _tag: "ByHand",
          authorizationEndpoint: new URL("https://as.test/authorize"),
          tokenEndpoint: new URL("https://as.test/token"),
          endpoints: { pushedAuthorization: new URL("https://as.test/par") },
          client: { clientId: "written", clientSecret: undefined }
        }
      }),
      "ok",
      "https://as.test/par, as the configuration"
    ],
    [
      "required without an endpoint",
      { discover: described(requiresPush) },
      serverNamed("demo", written),
      "wrong",
      "no usable pushed_authorization_request_endpoint"
    ],
    [
      "required at an endpoint without TLS",
      {
        discover: described({ ...requiresPush, pushed_authorization_request_endpoint: "http://as.test/par" })
      },
      serverNamed("demo", written),
      "wrong",
      "no usable pushed_authorization_request_endpoint"
    ],
    [
      "required where no browser opens",
      { pushedAuthorization: "required" },
      serverNamed("demo", { grant: { _tag: "DeviceCode" } }),
      "note",
      "no browser"
    ]
  ] as const)("says whether authorization requests are pushed: %s", ([, options, server, status, words]) =>
    Effect.gen(function* () {
      hasStatus((yield* examine(server))("PAR"), status, words)
    }).pipe(Effect.provide(on(options)))
  )

  it.effect("says of an address without a port that the provider must not mind it", () =>
    Effect.gen(function* () {
      const redirectUri = new URL("http://localhost/callback")
      const of = yield* examine(byHand("demo", { redirectUri }))
      hasStatus(of("redirect"), "note", "whichever port is free")
    }).pipe(Effect.provide(on()))
  )

  it.effect("minds a taken port only where the client is known there", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("redirect"), "note", "another port")
      hasStatus((yield* examine(serverNamed("demo", written)))("redirect"), "wrong", '"redirect_uri"')
      hasStatus((yield* examine(byHand("demo")))("redirect"), "wrong", '"redirect_uri"')
    }).pipe(Effect.provide(on({ busy: true })))
  )

  it.effect("tells a registered localhost from 127.0.0.1", () =>
    Effect.gen(function* () {
      hasStatus(
        (yield* examine(serverNamed("demo", written)))("redirect"),
        "ok",
        "127.0.0.1 is another address"
      )
    }).pipe(Effect.provide(on()))
  )

  it.effect("asks every endpoint by hand for an answer", () => {
    const sent: Array<Request> = []
    return Effect.gen(function* () {
      const { source } = byHand("demo").oauth
      if (source._tag !== "ByHand") return assert.fail()
      const endpoints = { revocation: new URL("https://as.test/revoke") }
      yield* examine(byHand("demo", { source: { ...source, endpoints } }))
      assert.include(
        sent.map(({ url }) => url),
        "https://as.test/revoke"
      )
    }).pipe(Effect.provide(on({ sent })))
  })

  it.effect("asks only for an answer of endpoints by hand, and quotes their resource as it is", () => {
    const sent: Array<Request> = []
    return Effect.gen(function* () {
      const of = yield* examine(byHand("demo", { extraAuthParams: { resource: "api://elsewhere" } }))
      hasStatus(of("metadata"), "ok", "answer")
      hasStatus(of("resource"), "ok", 'api://elsewhere, as "extra_auth_params" has it')
      assert.deepStrictEqual(
        sent.slice(1).map(({ method, url }) => `${method} ${url.split("?")[0]}`),
        ["GET https://as.test/authorize", "GET https://as.test/authorize", "POST https://as.test/token"]
      )
    }).pipe(Effect.provide(on({ sent })))
  })

  it.effect("says what is kept, and uses none of it", () =>
    Effect.gen(function* () {
      const server = serverNamed("demo", written)
      hasStatus((yield* examine(server))("sign-in"), "note", "mcp-cli auth login demo")
      yield* keeping({ expiresAt: 0 })
      hasStatus((yield* examine(server))("sign-in"), "ok", "with a token that expired")
      yield* keeping({ expiresAt: 0, refreshToken: false })
      hasStatus((yield* examine(server))("sign-in"), "note", "cannot be refreshed", "auth login")
      yield* keeping({ expiresAt: 0, refreshToken: false, refusal: "invalid_grant: gone" })
      hasStatus(
        (yield* examine(server))("sign-in"),
        "note",
        "it is over",
        "(invalid_grant: gone)",
        "auth login"
      )
      yield* keeping({ expiresAt: 0, failed: { at: 0, reason: new Malformed({ detail: "HTTP 403" }) } })
      hasStatus((yield* examine(server))("sign-in"), "wrong", "refresh failed (HTTP 403)", "auth login")
      yield* keeping({
        expiresAt: 0,
        failed: { at: 0, reason: new Transient({ detail: "HTTP 503", status: 503 }) }
      })
      hasStatus((yield* examine(server))("sign-in"), "ok", "with a token that expired")
      yield* keeping({ refreshToken: false })
      hasStatus((yield* examine(server))("sign-in"), "ok", "no refresh token")
      yield* keeping({ resource: "https://elsewhere.test/mcp" })
      hasStatus((yield* examine(server))("sign-in"), "note", "is not used")
      yield* keeping({ issuer: "https://before.test" })
      hasStatus((yield* examine(server))("sign-in"), "wrong", "https://before.test", '"issuer"')
      hasStatus((yield* examine(server, "work"))("sign-in"), "note", "--account work")
    }).pipe(Effect.provide(on()))
  )

  it.effect("says what is wrong with the store", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("storage"), "wrong", "nobody has unlocked it")
    }).pipe(Effect.provide(on({ brokenStore: true })))
  )

  it.effect.each([
    ["runtime", "wrong", "NODE_USE_ENV_PROXY=1"],
    ["variable", "note", "HTTPS_PROXY"],
    ["address", "wrong", "http://proxy.example.com"],
    ["loopback", "ok", "the server is on this machine"]
  ] as const)("says why a proxy is not used: %s", ([obstacle, status, word]) =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("proxy"), status, word)
    }).pipe(Effect.provide(on({ route: { variable: "ALL_PROXY", place: "p.test", obstacle } })))
  )
})

const at = (origin: string) => ({
  source: {
    _tag: "ByHand",
    authorizationEndpoint: new URL(`${origin}/authorize`),
    tokenEndpoint: new URL(`${origin}/token`),
    client: { clientId: "written", clientSecret: undefined }
  } as const
})

describe("the token endpoint", () => {
  const machine = { grant: { _tag: "ClientCredentials" } } as const
  const servers = [
    ["of the configuration", byHand("demo", machine), '"token_url"'],
    ["of the metadata", serverNamed("demo", written), "Tell the provider of demo."]
  ] as const
  const page = () => new Response("<html>", { headers: { "content-type": "text/html; charset=utf-8" } })
  const status = (code: number, headers?: Readonly<Record<string, string>>) => () =>
    new Response(null, { status: code, ...(headers === undefined ? {} : { headers }) })

  it.effect.each(servers)("%s gets one empty form, and nothing that is secret", ([, server]) => {
    const sent: Array<Request> = []
    return Effect.gen(function* () {
      const of = yield* examine(server)
      hasStatus(of("token endpoint"), "ok", "https://as.test/token refuses a request without a grant (400)")
      const requests = sent.filter(({ url }) => url.includes("/token"))
      assert.deepStrictEqual(
        requests.map(({ method, url }) => `${method} ${url}`),
        ["POST https://as.test/token"]
      )
      const [request] = requests
      assert.strictEqual(yield* Effect.promise(() => request!.text()), "grant_type=")
      assert.include(request!.headers.get("content-type"), "application/x-www-form-urlencoded")
      assert.isFalse(request!.headers.has("authorization"))
    }).pipe(Effect.provide(on({ sent })))
  })

  const answers: ReadonlyArray<
    readonly [string, () => Response, Doctor.Finding["status"], ReadonlyArray<string>]
  > = [
    ["401", status(401), "ok", ["(401)"]],
    ["an error with status 200", () => Response.json({ ok: false, error: "invalid_grant" }), "ok", ["(200)"]],
    ["404", status(404), "wrong", ["is no token endpoint: it answers 404"]],
    ["405", status(405), "wrong", ["it answers 405"]],
    ["410", status(410), "wrong", ["it answers 410"]],
    [
      "404 of a web framework",
      () => Response.json({ status: 404, error: "Not Found", path: "/token" }, { status: 404 }),
      "wrong",
      ["it answers 404"]
    ],
    ["a page of HTML", page, "wrong", ["it answers with a page of HTML (200)"]],
    [
      "a redirect",
      status(308, { location: "https://as.test/new?x=hidden" }),
      "wrong",
      ["it redirects to https://as.test/new (308)"]
    ],
    // GitHub: https://github.com/octokit/auth-oauth-user.js/issues/239
    [
      "404 with an error alone",
      () => Response.json({ error: "Not Found" }, { status: 404 }),
      "note",
      ["answers 404 with an error in JSON"]
    ],
    ["200", () => Response.json({ status: "up" }), "note", ["answers 200 to a request without a grant"]],
    ["403", status(403), "note", ["answers 403 to a request without a grant"]],
    ["429", status(429), "note", ["answers 429 now", "later"]],
    ["500", status(500), "note", ["answers 500 now", "later"]],
    ["503", status(503), "note", ["answers 503 now", "later"]]
  ]
  it.effect.each(answers)("is told by its answer: %s", ([, token, expected, words]) =>
    Effect.gen(function* () {
      for (const [, server, remedy] of servers) {
        const of = yield* examine(server)
        hasStatus(of("token endpoint"), expected, ...words, ...(expected === "wrong" ? [remedy] : []))
        assert.notInclude(shown(of("token endpoint")), "hidden")
        // It is not said twice, and no other check is about it.
        assert.deepStrictEqual(
          Doctor.checks.filter((check) => of(check).status === "wrong"),
          expected === "wrong" ? ["token endpoint"] : []
        )
      }
    }).pipe(Effect.provide(on({ token })))
  )

  it.effect("that cannot be reached is reported as any other", () =>
    Effect.gen(function* () {
      const of = yield* examine(byHand("demo", { ...machine, ...tokenAlone }))
      hasStatus(of("metadata"), "ok", "not requested: the configuration names the token endpoint")
      hasStatus(of("token endpoint"), "wrong", "No answer from https://as.test", "the network")
    }).pipe(Effect.provide(on({ refused: true })))
  )

  it.effect("is not asked for a server that needs no sign-in", () => {
    const sent: Array<Request> = []
    return Effect.gen(function* () {
      const headers = { authorization: Redacted.make("Bearer key") }
      hasStatus((yield* examine({ ...byHand("demo"), headers }))("token endpoint"), "note", "not needed")
      hasStatus((yield* examine({ ...serverNamed("demo"), headers }))("token endpoint"), "note", "not needed")
      assert.isEmpty(sent.filter(({ url }) => url.includes("/token")))
    }).pipe(Effect.provide(on({ sent })))
  })

  it.effect("is not asked where there is none", () =>
    Effect.gen(function* () {
      hasStatus((yield* examine())("token endpoint"), "note", "not needed")
    }).pipe(Effect.provide(on({ ...answering(200), discover: notOffered })))
  )
})

describe("a cause", () => {
  it.effect.each<readonly [string, RemoteServer, Options, ReadonlyArray<string>]>([
    ["a refused connection", serverNamed("demo"), { refused: true }, ["server"]],
    ["endpoints at the same address", byHand("demo", at("https://demo.test")), { refused: true }, ["server"]],
    [
      "endpoints at another address, which is another cause",
      byHand("demo", at("https://as.test")),
      { refused: true },
      ["server", "metadata"]
    ],
    ["a store that cannot be read", serverNamed("demo", written), { brokenStore: true }, ["storage"]]
  ])("is reported once: %s", ([, server, options, wrong]) =>
    Effect.gen(function* () {
      const of = yield* examine(server)
      assert.deepStrictEqual(
        Doctor.checks.filter((check) => of(check).status === "wrong"),
        [...wrong]
      )
    }).pipe(Effect.provide(on(options)))
  )
})

describe("a server with an Authorization header of its own", () => {
  it.effect("is not told to sign in", () =>
    Effect.gen(function* () {
      const server = { ...serverNamed("demo"), headers: { authorization: Redacted.make("Bearer key") } }
      for (const words of [[], ["the stored sign-in is not used"]]) {
        hasStatus((yield* examine(server))("sign-in"), "note", "not needed", ...words)
        yield* keeping({})
      }
      assert.deepStrictEqual((yield* examine(server))("sign-in").remedies, [])
    }).pipe(Effect.provide(on()))
  )
})

describe("a server whose token answer has no token_type", () => {
  it.effect("is named, since RFC 6749 requires it", () =>
    Effect.gen(function* () {
      yield* keeping({ lacksType: true })
      hasStatus((yield* examine(serverNamed("demo", written)))("sign-in"), "note", "no token_type")
    }).pipe(Effect.provide(on()))
  )
})
