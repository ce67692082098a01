import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { messageOf } from "../../../src/app/cli/SessionMessage.ts"
import type { SessionServer } from "../../../src/app/cli/SessionServers.ts"
import { serverOf } from "../chat/ChatWorld.ts"

describe("a message of the user", () => {
  it.effect("may refer to a resource with more contents than a function has arguments", () =>
    Effect.gen(function* () {
      const { session } = serverOf().server
      const content = Array.from({ length: 150_000 }, () => ({ _tag: "Text" as const, text: "" }))
      const server: SessionServer = {
        name: "notion",
        session: { ...session, read: () => Effect.succeed({ content, raw: {} }) },
        tools: [],
        resources: Effect.succeed([]),
        prompts: Effect.succeed([])
      }
      const message = yield* messageOf({ servers: [server], isInteractive: true }, "see @notion:page://a")
      assert.lengthOf(message, 1 + content.length)
    })
  )
})
