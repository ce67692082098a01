import { Effect } from "effect"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import { readBody } from "../../../src/adapters/http/BoundedBody.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"

// Sends one request with a timeout of three seconds, uninterruptible as a refresh is, and prints the answer.

const sent = HttpTransport.use(({ send }) =>
  send(new Request(process.argv[2] ?? "", { method: "POST", body: "x" }), { timeout: 3000 })
)
const answer = sent.pipe(
  Effect.flatMap(readBody),
  Effect.catch(({ message }) => Effect.succeed(message)),
  Effect.uninterruptible,
  Effect.provide(FetchTransport.layer)
)
process.stdout.write(await Effect.runPromise(answer))
