import { Effect } from "effect"
import { useProxyOfEnvironment } from "../../../src/adapters/http/EnvironmentProxy.ts"
import { layerWith } from "../../../src/adapters/http/NodeTransport.ts"
import { readBody } from "../../../src/adapters/http/BoundedBody.ts"
import { bareRequest } from "../../../src/domain/BareRequest.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"

// Sends requests to an address, one after the other, and prints of each how it ended, and whether undici is loaded then.

const [, , url = "", count = "1"] = process.argv
const hasUndici = () =>
  (process as unknown as { readonly moduleLoadList: ReadonlyArray<string> }).moduleLoadList.some((name) =>
    name.endsWith("undici/undici")
  )
if (process.env["USE_PROXY"] !== undefined) useProxyOfEnvironment(process.env)

await Effect.gen(function* () {
  const { send } = yield* HttpTransport
  for (let sent = 0; sent < Number(count); sent++) {
    const said = yield* send(
      bareRequest(url, { method: "POST", headers: [], content: new Uint8Array(1) })
    ).pipe(
      Effect.flatMap(readBody),
      Effect.catch(({ message }) => Effect.succeed(message))
    )
    process.stdout.write(`${said} ${hasUndici() ? "with" : "without"} undici\n`)
  }
}).pipe(Effect.provide(layerWith(() => undefined)), Effect.runPromise)
