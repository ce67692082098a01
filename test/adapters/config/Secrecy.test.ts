import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema } from "effect"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { withFile } from "./InMemoryFile.ts"

/** A secret that only the configuration contains. */
const marker = "hunter2-4711"

/** Values that contain the secret. Most of them are wrong in most places. */
const holders: ReadonlyArray<(text: string) => unknown> = [
  () => marker,
  (text) => `${text}${marker}${text}`,
  (text) => `\${${marker}}${text}`,
  () => `\${${marker}`,
  () => `\${NOPE}${marker}`,
  () => `\${NOPE:-${marker}}`,
  () => `\${NOPE:-\${${marker}}}`,
  () => `$\${${marker}}`,
  () => `\${SECRET}`,
  (text) => `https://example.com/\${SECRET}#${text}`,
  () => `https://user:${marker}@example.com/`,
  () => `http://example.com/${marker}`,
  () => `http://localhost:8080/?${marker}`,
  () => `https://example.com:${marker}/`,
  () => `https://example.com/#${marker}`,
  () => `${marker}\0\r\n`,
  () => [marker, 1, [marker]],
  () => [`\${SECRET} \${NOPE}`],
  () => ({ a: marker, "b c": [marker], d: `\${SECRET}\n` }),
  () => ({ Authorization: `${marker}\n`, state: marker })
]

const oauth = [
  "authorization_url",
  "token_url",
  "client_id",
  "client_secret",
  "client_secret_file",
  "scopes",
  "redirect_uri",
  "use_pkce",
  "extra_auth_params",
  "token_endpoint_auth_method",
  "clientSecret"
]
const vault = [
  "vaultUrl",
  "vaultToken",
  "vaultTokenFile",
  "vaultMountPoint",
  "vaultPathPrefix",
  "vaultNamespace",
  "vaultKvVersion",
  "vaultCaCert",
  "vaultClientCert",
  "vaultClientKey",
  "vaultSkipVerify",
  "vaultAuth",
  "vault_token"
]
const vaultAuth = ["method", "mount", "roleId", "secretId", "role", "jwt", "jwtFile", "secret_id"]
const places: ReadonlyArray<ReadonlyArray<string>> = [
  ["mcpServers"],
  ["mcpServers", "s"],
  ["tokenStorage"],
  ["unknown"],
  ...["backend", "password", "pasword", ...vault].map((name) => ["tokenStorage", name]),
  ...vaultAuth.map((name) => ["tokenStorage", "vaultAuth", name]),
  ...["url", "type", "headers", "oauth", "command", "args", "env", "cwd", "apiKey"].map((name) => [
    "mcpServers",
    "s",
    name
  ]),
  ...oauth.map((name) => ["mcpServers", "s", "oauth", name])
]

const Mutation = Schema.Struct({
  place: Schema.Literals(places.map((_, index) => index)),
  holder: Schema.Literals(holders.map((_, index) => index)),
  text: Schema.String
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Puts a value at a place of another one, and replaces what is in its way. */
const put = (into: unknown, [name, ...rest]: ReadonlyArray<string>, value: unknown): unknown =>
  name === undefined
    ? value
    : isObject(into)
      ? { ...into, [name]: put(into[name], rest, value) }
      : { [name]: put(undefined, rest, value) }

const starts: ReadonlyArray<unknown> = [
  {},
  { mcpServers: { s: { url: "https://example.com" } } },
  { mcpServers: { s: { command: "npx" } } },
  {
    mcpServers: {
      s: {
        url: "https://example.com",
        oauth: {
          authorization_url: "https://example.com/a",
          token_url: "https://example.com/t",
          client_id: "i",
          client_secret: "s"
        }
      }
    }
  },
  ...["token", "approle", "kubernetes", "jwt"].map((method) => ({
    mcpServers: {},
    tokenStorage: {
      backend: "vault",
      vaultUrl: "https://vault.example.com",
      vaultAuth: { method, roleId: "i", role: "r", jwtFile: "f" }
    }
  }))
]

/** Everything that can be seen of a failure or of warnings, as text. */
const seen = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return inspect(exit.value, { depth: 20 })
  const errors = exit.cause.reasons.map((reason) => (Cause.isFailReason(reason) ? reason.error : reason))
  return [
    Cause.pretty(exit.cause),
    inspect(exit.cause, { depth: 20, showHidden: true }),
    JSON.stringify(exit.cause),
    ...errors.flatMap((error) => [
      String(error),
      error instanceof Error ? `${error.message} ${error.stack}` : "",
      JSON.stringify(error)
    ])
  ].join("\n")
}

/** Requests everything that can fail or warn, and returns what can be seen of it. */
const seenOf = (content: unknown, env: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const { file, server, servers, tokenStorage, warnings } = yield* Configuration
    const parts: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      file,
      servers,
      tokenStorage,
      server("s"),
      server("t")
    ]
    // A success contains the configuration, secrets included.
    const failures = yield* Effect.forEach(parts, (part) => Effect.exit(Effect.asVoid(part)))
    return [...failures, yield* Effect.exit(warnings)].map(seen).join("\n")
  }).pipe(withFile(content, { env: { SECRET: marker, ...env }, mode: 0o100644 }))

describe("what is said of a configuration", () => {
  it.effect("would show a secret here if it held one", () =>
    Effect.gen(function* () {
      assert.include(seen(Exit.die(new Error(marker))), marker)
      assert.include(seen(Exit.succeed([{ problem: marker }])), marker)
      assert.include(yield* seenOf({ mcpServers: { [marker]: 1 } }), marker)
    })
  )

  /** The fields beside a place matter only in the same part of the file. */
  const inPart = (place: ReadonlyArray<string>) =>
    starts.filter((start) => !isObject(start) || "tokenStorage" in start === (place[0] === "tokenStorage"))

  it.effect.each(
    places.flatMap((place) => inPart(place).map((start) => [place.join("."), place, start] as const))
  )("never holds a value: %s", ([, place, start]) =>
    Effect.gen(function* () {
      for (const holder of holders) {
        const content = put(start, place, holder("x"))
        assert.notInclude(yield* seenOf(content), marker, JSON.stringify(content))
      }
    })
  )

  it.effect.each(["ADDR", "TOKEN", "NAMESPACE", "CACERT", "CLIENT_CERT", "CLIENT_KEY", "SKIP_VERIFY"])(
    "never holds the value of a variable: %s",
    (name) =>
      Effect.gen(function* () {
        for (const product of ["VAULT", "BAO"]) {
          for (const text of [
            marker,
            `${marker} x`,
            `${marker}\n`,
            `http://${marker}`,
            `https://h/?${marker}`
          ]) {
            const env = { VAULT_ADDR: "https://vault.example", [`${product}_${name}`]: text }
            assert.notInclude(yield* seenOf({ mcpServers: {} }, env), marker, text)
          }
        }
      })
  )

  it.effect.prop(
    "never holds a value, however many are wrong",
    [Schema.Literals(starts.map((_, index) => index)), Schema.Array(Mutation)],
    ([start, mutations]) =>
      Effect.gen(function* () {
        const content = mutations.reduce(
          (into, { holder, place, text }) => put(into, places[place] ?? [], holders[holder]?.(text)),
          starts[start]
        )
        assert.notInclude(yield* seenOf(content), marker)
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect.prop(
    "never holds a piece of a text that is not JSON",
    [Schema.String, Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 120 })))],
    ([noise, offset]) =>
      Effect.gen(function* () {
        const text = JSON.stringify({
          mcpServers: { s: { url: marker, headers: { a: marker } } },
          b: [marker]
        })
        assert.notInclude(yield* seenOf(text.slice(0, offset)), marker)
        assert.notInclude(yield* seenOf(text.slice(offset)), marker)
        assert.notInclude(yield* seenOf(`${text.slice(0, offset)}${noise}${text.slice(offset)}`), marker)
      }),
    { arbitrary: { runs: 300 } }
  )
})
