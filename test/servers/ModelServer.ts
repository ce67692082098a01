import { EventEmitter, once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"
import { type Api, bearerOf, openAiError } from "./models/Api.ts"
import { chatCompletions } from "./models/ChatCompletions.ts"
import { gemini } from "./models/Gemini.ts"
import { messages } from "./models/Messages.ts"
import { responses } from "./models/Responses.ts"
import { isJson, type Json, type Mode, modes, Refusal, refusalOfMode } from "./models/ModelFault.ts"
import { byRules, type ModelAnswer, type ModelScript } from "./models/ModelScript.ts"

// A model server without a model: a script decides what it answers. It refuses what the real ones refuse, as far as their
// documentation and their error messages tell, and misbehaves as they do (`Mode`), by the name of the model.

export interface ModelServerOptions {
  /** What the model answers. Absent: {@link byRules}. */
  readonly script?: ModelScript
  /** The key that requests must show. Absent: any, or none. */
  readonly key?: string
  /** Names of models besides `scripted` and the modes. */
  readonly models?: ReadonlyArray<string>
  /** A port. Absent: a free one. */
  readonly port?: number
}

/** A request that the server got. */
export interface ModelRequest {
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: Json
  /** The refusal, if the request was refused. */
  readonly refused: string | undefined
  /** True if the client left before the answer was complete. */
  readonly aborted: () => boolean
}

export interface ModelServer {
  readonly origin: string
  /** The base URL of Chat Completions, Responses and Messages. */
  readonly baseUrl: string
  /** The base URL of Gemini. */
  readonly geminiUrl: string
  /** The requests for answers, the oldest first. */
  readonly requests: ReadonlyArray<ModelRequest>
  /** Done when so many requests have arrived, and when as many have ended. */
  readonly arrived: (count: number) => Promise<void>
  readonly ended: (count: number) => Promise<void>
  /** Replaces the script. */
  readonly play: (script: ModelScript) => void
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** The APIs of one server. */
const apisOf = () => {
  const ofPath: Readonly<Record<string, Api>> = {
    "/v1/chat/completions": chatCompletions(),
    "/v1/responses": responses(),
    "/v1/messages": messages()
  }
  const google = gemini()
  return (path: string): { readonly api: Api; readonly model?: string } | undefined => {
    const model = /^\/v1beta\/models\/([^:/]+):streamGenerateContent$/.exec(path)?.[1]
    if (model !== undefined) return { api: google, model: decodeURIComponent(model) }
    const api = ofPath[path]
    return api && { api }
  }
}

/** The answer as a mode changes it. */
const answerIn = (mode: Mode | undefined, answer: ModelAnswer): ModelAnswer => {
  if (mode === "empty") return {}
  if (mode === "unknown-tool" && answer.calls !== undefined) {
    return { ...answer, calls: answer.calls.map((call) => ({ ...call, name: "made_up_tool" })) }
  }
  return answer
}

const isMode = (name: string): name is Mode => (modes as ReadonlyArray<string>).includes(name)

const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {}
) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

/** Starts a model server on loopback. It ends with the scope. */
export const modelServer = (
  options: ModelServerOptions = {}
): Effect.Effect<ModelServer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => start(options)),
      ({ close }) => Effect.promise(close)
    ),
    ({ server }) => server
  )

const start = async (options: ModelServerOptions) => {
  let script = options.script ?? byRules
  const requests: Array<ModelRequest> = []
  const apiOf = apisOf()
  const names = ["scripted", ...modes, ...(options.models ?? [])]

  const closed: Array<unknown> = []
  const changes = new EventEmitter()
  const reached = async (list: ReadonlyArray<unknown>, count: number) => {
    while (list.length < count) await once(changes, "change")
  }

  const answer = async (request: IncomingMessage, response: ServerResponse, path: string) => {
    const found = apiOf(path)
    if (found === undefined) return void json(response, 404, { error: { message: "Not found." } })
    const { api } = found
    const body: unknown = JSON.parse(await bodyOf(request))
    const entry = {
      path,
      headers: request.headers,
      body: isJson(body) ? body : {},
      refused: undefined as string | undefined,
      aborted: () => response.closed && !response.writableFinished
    }
    requests.push(entry)
    changes.emit("change")
    response.once("close", () => {
      closed.push(entry)
      changes.emit("change")
    })
    const model = String(found.model ?? entry.body["model"])
    const mode = isMode(model) ? model : undefined
    try {
      if (options.key !== undefined && api.keyOf(request) !== options.key)
        throw new Refusal("Incorrect API key provided.", 401, "invalid_api_key")
      if (!names.includes(model))
        throw new Refusal(
          `The model \`${model}\` does not exist or you do not have access to it.`,
          404,
          "model_not_found"
        )
      const parsed = api.read(entry.body, request, model)
      const refusal = mode === undefined ? undefined : refusalOfMode[mode]
      if (refusal !== undefined && (mode !== "no-tools" || parsed.tools.length > 0)) throw refusal
      if (mode === "json") return void json(response, 200, { id: "1", choices: [] })
      if (mode === "json-error") return void json(response, 200, api.error(new Refusal("Overloaded", 529)))
      if (mode === "html")
        return void response.writeHead(200, { "content-type": "text/html" }).end("<html></html>")
      if (mode === "redirect")
        return void response.writeHead(307, { location: "http://localhost:9/v1/chat/completions" }).end()
      const given = answerIn(mode, await script(parsed.messages, parsed.tools))
      const events = api.write(given, { mode, model, request: parsed })
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" })
      const stopsAt = Math.max(1, events.length - 3)
      for (const [index, event] of events.entries()) {
        if (index === stopsAt && mode === "silent") return void response.flushHeaders()
        if (index === stopsAt && mode === "cut") return void response.destroy()
        if (index === stopsAt && mode === "stream-error") {
          response.end(api.streamError)
          return
        }
        response.write(event)
        // One event a packet, as over a network.
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (mode === "broken-end") response.destroy()
      else if (mode !== "left-open") response.end()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      entry.refused = error.message
      json(response, error.status, api.error(error), error.status === 429 ? { "retry-after": "7" } : {})
    }
  }

  const http = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname
    if (request.method === "GET" && path === "/v1/models") {
      if (options.key !== undefined && bearerOf(request) !== options.key) {
        return void json(response, 401, openAiError(new Refusal("Incorrect API key provided.", 401)))
      }
      return void json(response, 200, {
        object: "list",
        data: names.map((id) => ({ id, object: "model", created: 1, owned_by: "test" }))
      })
    }
    answer(request, response, path).catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((resolve) => http.listen(options.port ?? 0, "127.0.0.1", resolve))
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return {
    server: {
      origin,
      baseUrl: `${origin}/v1`,
      geminiUrl: `${origin}/v1beta`,
      requests,
      arrived: (count: number) => reached(requests, count),
      ended: (count: number) => reached(closed, count),
      play: (next: ModelScript) => {
        script = next
      }
    },
    close: () => {
      http.closeAllConnections()
      return new Promise<void>((resolve) => void http.close(() => resolve()))
    }
  }
}
