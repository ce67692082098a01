import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { makeTrustGate } from "../../../src/app/cli/TrustGate.ts"
import { advice } from "../../../src/domain/Remedy.ts"
import { ConfigurationError, ConfigurationIssue } from "../../../src/ports/Configuration.ts"
import { ConfigurationApprovals } from "../../../src/ports/ConfigurationApprovals.ts"
import type { UntrustedConfiguration } from "../../../src/ports/ConfigurationTrust.ts"
import { Confirmation } from "../../../src/ports/Confirmation.ts"
import { StorageError } from "../../../src/ports/CredentialStore.ts"
import { InsecurePermissions } from "../../../src/ports/StorageFailure.ts"

const file = "/work/server_config.json"
const exposed = new ConfigurationError({
  file,
  issues: [
    new ConfigurationIssue({ path: [], problem: "it belongs to another user", fixes: [advice("Fix it.")] })
  ]
})
const found: UntrustedConfiguration = {
  file,
  digest: "1",
  entries: Effect.succeed([
    { name: "s\u001b[2J", actions: ["runs: sh\u202e -c 'touch x'\nUse it? [y/N] y"] }
  ]),
  isFound: true,
  isExposed: false,
  refusal: new ConfigurationError({ file, issues: [] })
}

/** A user who gives these answers, and what is asked. None: no user is present. */
const user = (...answers: ReadonlyArray<boolean>) => {
  const asked: Array<string> = []
  const approved = new Set<string>()
  const layer = Layer.merge(
    Layer.succeed(Confirmation, {
      ask: (text, question) =>
        Effect.sync(() => Option.fromUndefinedOr(answers[asked.push(`${text}\n${question}`) - 1]))
    }),
    Layer.succeed(ConfigurationApprovals, {
      find: ({ digest }) =>
        Effect.sync(() => (approved.has(digest) ? "approved" : approved.size > 0 ? "changed" : "new")),
      add: ({ digest }) => Effect.sync(() => void approved.add(digest)),
      remove: () => Effect.sync(() => approved.size > 0)
    })
  )
  const require = (configuration: UntrustedConfiguration) =>
    Effect.flatMap(makeTrustGate, (gate) => gate(configuration)).pipe(Effect.provide(layer))
  return {
    approved,
    asked,
    require,
    refused: (it: UntrustedConfiguration) => Effect.map(Effect.flip(require(it)), (error) => errorText(error))
  }
}

const byName = "To use another file, or this one without being asked, name it with --config-file."

describe("a configuration in the working directory", () => {
  it.effect("is asked about once, with text that cannot control the terminal", () =>
    Effect.gen(function* () {
      const { asked, require } = user(true)
      yield* require(found)
      yield* require(found)
      assert.deepStrictEqual(asked, [
        `${file} is in the working directory, and you have not approved it. It:\n  s[2J\n    runs: sh -c 'touch x' Use it? [y/N] y\nUse it?`
      ])
    })
  )

  it.effect("is asked about again when it has changed", () =>
    Effect.gen(function* () {
      const { asked, require } = user(true, true)
      yield* require(found)
      yield* require({ ...found, digest: "2" })
      assert.include(asked[1], `${file} has changed since you approved it.`)
      yield* require(found)
      assert.lengthOf(asked, 2)
    })
  )

  it.effect("is not used, and not remembered, if the user says no", () =>
    Effect.gen(function* () {
      const { approved, refused } = user(false)
      assert.strictEqual(
        yield* refused(found),
        `${file}: you have not approved it.\nTo see what it does and approve it, run: mcp-cli trust\n${byName}`
      )
      assert.strictEqual(approved.size, 0)
    })
  )

  it.effect("is not used without a user, and the error names what approves it", () =>
    Effect.gen(function* () {
      const { approved, refused } = user()
      assert.strictEqual(
        yield* refused(found),
        `${file}: it is in the working directory, and you have not approved it.\nTo see what it does and approve it, run: mcp-cli trust\n${byName}`
      )
      approved.add("another content")
      assert.include(yield* refused(found), "it has changed since you approved it")
    })
  )

  it.effect("is not used if the approvals cannot be read", () =>
    Effect.gen(function* () {
      const unreadable = new StorageError({
        reason: new InsecurePermissions({
          path: "/home/ann/.mcp_cli/trusted",
          detail: "belongs to another user"
        })
      })
      const gate = yield* makeTrustGate.pipe(
        Effect.provideService(Confirmation, { ask: () => Effect.succeedSome(true) }),
        Effect.provideService(ConfigurationApprovals, {
          find: () => unreadable,
          add: () => Effect.void,
          remove: () => unreadable
        })
      )
      assert.include(
        (yield* Effect.flip(gate(found))).message,
        "/home/ann/.mcp_cli/trusted belongs to another user"
      )
    })
  )
})

describe("a configuration that other users can write", () => {
  const theirs = { ...found, isExposed: true, refusal: exposed }

  it.effect("is refused without a question", () =>
    Effect.gen(function* () {
      const { asked, refused } = user(true)
      assert.strictEqual(
        yield* refused(theirs),
        `${file}: it belongs to another user\nFix it.\nTo see what it does and approve it, run: mcp-cli trust`
      )
      assert.include(
        yield* refused({ ...theirs, isFound: false }),
        `run: mcp-cli trust --config-file ${file}`
      )
      assert.deepStrictEqual(asked, [])
    })
  )

  it.effect("is used if exactly its content is approved", () =>
    Effect.gen(function* () {
      const { approved, refused, require } = user()
      approved.add("1")
      yield* require(theirs)
      assert.include(yield* refused({ ...theirs, digest: "2" }), "it belongs to another user")
    })
  )
})
