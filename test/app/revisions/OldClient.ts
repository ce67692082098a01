import { assert } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { Effect } from "effect"
import type { askingServer } from "./AskingServer.ts"

/** A client of SDK v1 whose user answers the questions of `askingServer`. */
export const answeringClient = (): Client => {
  const client = new Client(
    { name: "old", version: "1" },
    { capabilities: { elicitation: { form: {}, url: {} }, sampling: {} } }
  )
  client.setRequestHandler(ElicitRequestSchema, ({ params }) =>
    params.mode === "url" ? { action: "accept" } : { action: "accept", content: { city: "Bern" } }
  )
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: "assistant",
    model: "m",
    content: { type: "text", text: "Paris" }
  }))
  return client
}

/** Calls a tool. */
export const call = (client: Client, name: string, args: Record<string, unknown> = {}) =>
  Effect.promise(() => client.callTool({ name, arguments: args }))

/** The text of a result of a tool, as JSON. */
export const said = (result: object): unknown => {
  const { content } = result as { readonly content: ReadonlyArray<{ readonly text: string }> }
  return JSON.parse(content[0]?.text ?? "null")
}

/** Waits until something has happened. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() =>
    condition()
      ? Effect.void
      : Effect.andThen(
          Effect.promise(() => new Promise(setImmediate)),
          until(condition)
        )
  )

/** Calls tools of a server, answers their questions, and cancels a call. */
export const callsAnswersAndCancels = Effect.fnUntraced(function* (
  client: Client,
  { noticed }: Pick<Effect.Success<ReturnType<typeof askingServer>>, "noticed">
) {
  assert.deepInclude(said(yield* call(client, "ask")) as object, {
    responses: { where: { action: "accept", content: { city: "Bern" } } }
  })
  assert.deepEqual(said(yield* call(client, "visit")), { responses: { login: { action: "accept" } } })
  assert.deepEqual(said(yield* call(client, "region", { region: "eu" })), { region: "eu" })
  const controller = new AbortController()
  const slow = client
    .callTool({ name: "slow" }, undefined, { signal: controller.signal })
    .catch(() => "cancelled")
  yield* until(() => noticed.includes("started"))
  controller.abort()
  yield* until(() => noticed.includes("aborted"))
  assert.strictEqual(yield* Effect.promise(() => slow), "cancelled")
})
