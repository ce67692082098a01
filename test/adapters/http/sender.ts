import { Effect } from "effect"
import * as CoreTransport from "../../../src/adapters/http/CoreTransport.ts"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import { byteRequest } from "../../../src/domain/ByteRequest.ts"
import { readBody } from "../../../src/adapters/http/BoundedBody.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"

// Sends one request by `undici` or `core` with a timeout of three seconds, uninterruptible as a refresh is, and prints the answer.

const sent = HttpTransport.use(({ send }) =>
  send(
    byteRequest(process.argv[2] ?? "", {
      method: "POST",
      headers: new Headers(),
      content: new Uint8Array(1)
    }),
    { timeout: 3000 }
  )
)
const answer = sent.pipe(
  Effect.flatMap(readBody),
  Effect.catch(({ message }) => Effect.succeed(message)),
  Effect.uninterruptible,
  Effect.provide(process.argv[3] === "core" ? CoreTransport.layer : UndiciTransport.layer)
)
process.stdout.write(await Effect.runPromise(answer))
