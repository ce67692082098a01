import { Effect, Layer } from "effect"
import { HttpTransport, NetworkError } from "../../../src/ports/HttpTransport.ts"

/** One request that was sent, as text. */
export interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

/** A network in memory: answers by URL, and remembers what it was asked. A URL that nobody answers at is a 404. */
export const wire = (answers: Readonly<Record<string, ((request: Request) => Response) | "broken">>) => {
  const sent: Array<Sent> = []
  const layer = Layer.succeed(
    HttpTransport,
    HttpTransport.of({
      send: Effect.fn("wire.send")(function* (request) {
        const { headers, method, url } = request
        sent.push({ method, url, headers, body: yield* Effect.promise(() => request.text()) })
        const answer = answers[url]
        if (answer === "broken") {
          return yield* new NetworkError({
            origin: new URL(url).origin,
            detail: "the connection was refused"
          })
        }
        return answer?.(request) ?? new Response("not found", { status: 404 })
      })
    })
  )
  return { layer, sent }
}
