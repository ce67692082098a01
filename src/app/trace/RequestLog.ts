import { Clock, Effect, Layer, Redacted, References } from "effect"
import { secretsInHeader } from "../../domain/Redaction.ts"
import type { Field, ShownBody, ShownText, ShownUrl } from "../../domain/TraceEvent.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { combined, flowConfiguration } from "./FlowConfiguration.ts"
import { ServerSecrets } from "../../ports/ServerSecrets.ts"
import { makeRedactor, type Redactor } from "./Redactor.ts"
import { shownRequest } from "./TracedTransport.ts"

/** A text for the log: what is struck out in a trace is named as such. */
const plain = (text: ShownText): string =>
  text.map((piece) => (piece._tag === "Open" ? piece.text : "[redacted]")).join("")

const addressOf = ({ origin, path, query }: ShownUrl): string => {
  const parameters = query.map(({ name, value }) => `${name}=${plain(value)}`).join("&")
  return `${origin}${plain(path)}${parameters === "" ? "" : `?${parameters}`}`
}

/** The field of a request that says what it is for: the method of MCP, or the grant of OAuth. */
const purposeOf = (kind: string, body: ShownBody): string => {
  const fields = body._tag === "Fields" ? body.fields : []
  const field = fields.find(({ name }) => name === "method" || name === "grant_type")
  return field === undefined ? kind : `${kind}: ${plain(field.value)}`
}

/** The reason of a refusal, as far as the headers say it. */
const reasonOf = (headers: ReadonlyArray<Field>): string => {
  const challenge = headers.find(({ name }) => name === "www-authenticate")
  return challenge === undefined ? "" : `; ${plain(challenge.value)}`
}

const headerLines = (mark: ">" | "<", headers: ReadonlyArray<Field>) =>
  Effect.forEach(headers, ({ name, value }) => Effect.logDebug(`  ${mark} ${name}: ${plain(value)}`), {
    discard: true
  })

/** The redactor for all servers that can be used now: those of the configuration, and those that a URL names. */
const redactorOfRun = Effect.fnUntraced(function* (secrets: ReadonlyArray<Redacted.Redacted>) {
  const configuration = yield* Configuration
  const listed = yield* Effect.orElseSucceed(configuration.servers, () => [])
  const known = yield* Effect.forEach(listed, ({ name, target }) =>
    configuration.server(name).pipe(
      Effect.map((server) => (server._tag === "Http" ? [flowConfiguration(server, target)] : [])),
      // No request goes to a server that cannot be used.
      Effect.orElseSucceed(() => [])
    )
  )
  const unlisted = (yield* configuration.unlisted).flatMap((server) =>
    server._tag === "Http" ? [flowConfiguration(server, server.url.href)] : []
  )
  const none = {
    server: new URL("about:blank"),
    serverAsWritten: "",
    endpoints: [],
    configuredHeaders: [],
    secrets: []
  }
  const stored = { ...none, secrets: secrets.flatMap((secret) => secretsInHeader(Redacted.value(secret))) }
  const [first = none, ...others] = [...known.flat(), ...unlisted, stored]
  return makeRedactor(combined(first, others))
})

type Send = HttpTransport["Service"]["send"]

const sendLogged = Effect.fnUntraced(function* (
  redactor: Redactor,
  send: Send,
  withHeaders: boolean,
  ...[request, options]: Parameters<Send>
) {
  // A secret may stand in a part that is read before the part that names it.
  const shown = redactor.settle(yield* shownRequest(redactor, request))
  const line = `${shown.method} ${addressOf(shown.url)}`
  const purpose = purposeOf(shown.kind, shown.request.body)
  const began = yield* Clock.currentTimeMillis
  const took = Effect.map(Clock.currentTimeMillis, (now) => `${Math.round(now - began)} ms`)
  const response = yield* send(request, options).pipe(
    // The transport would log the same request, without its path.
    Effect.provideService(References.MinimumLogLevel, "Warn"),
    Effect.tapError((error) =>
      Effect.flatMap(took, (time) =>
        Effect.logDebug(`${line} -> no answer in ${time}: ${plain(redactor.text(error.detail))} (${purpose})`)
      )
    )
  )
  const headers = redactor.settle(redactor.headers(shown.kind, response.headers, new URL(request.url)))
  const reason = response.status >= 400 ? reasonOf(headers) : ""
  yield* Effect.logDebug(`${line} -> ${response.status} in ${yield* took} (${purpose}${reason})`)
  if (withHeaders) {
    yield* headerLines(">", shown.request.headers)
    yield* headerLines("<", headers)
  }
  return response
})

/**
 * Logs each request and its answer at the level Debug: method, address, status, time, and what it is for. Secrets are struck out
 * as in a trace (see {@link Redactor}).
 *
 * @param options.withHeaders logs the headers, too
 */
export const layer = (options: {
  readonly withHeaders: boolean
}): Layer.Layer<HttpTransport, never, Configuration | HttpTransport | ServerSecrets> =>
  Layer.effect(
    HttpTransport,
    Effect.gen(function* () {
      const { send } = yield* HttpTransport
      const configuration = yield* Configuration
      const secrets = yield* ServerSecrets
      // Made by the first request: a configuration that cannot be read is reported by what reads it.
      // A secret that is read after that makes another one.
      let redactor: { readonly made: Redactor; readonly secrets: number } | undefined
      const current = Effect.gen(function* () {
        const read = yield* secrets.read
        if (redactor?.secrets !== read.length) {
          const made = yield* Effect.provideService(redactorOfRun(read), Configuration, configuration)
          redactor = { made, secrets: read.length }
        }
        return redactor.made
      })
      return HttpTransport.of({
        send: (request, sending) =>
          Effect.flatMap(current, (made) => sendLogged(made, send, options.withHeaders, request, sending))
      })
    })
  )
