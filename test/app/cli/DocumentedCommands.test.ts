import { readFileSync } from "node:fs"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { ChildProcessSpawner } from "effect/process"
import { defaultErrorFormat } from "../../../src/app/cli/ErrorReport.ts"
import { builtIns, type Live, program } from "../../../src/app/cli/Program.ts"
import { understood } from "../../../src/app/cli/UnderstoodWords.ts"
import { checks } from "../../../src/app/doctor/Finding.ts"
import { documentedCommands } from "../../Documents.ts"

/** The first thing that a command does after its line was read: its layers are built, and fail here. */
const reached = Symbol("reached")
const layers = new Proxy(
  {},
  { get: () => Layer.effectDiscard(Effect.die(reached)) }
) as unknown as Live<never>

const platform = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeStdio.layer,
  NodeTerminal.layer,
  builtIns,
  CliOutput.layerPresenter({ present: () => Effect.void }),
  Layer.succeed(
    ChildProcessSpawner.ChildProcessSpawner,
    ChildProcessSpawner.make(() => Effect.die("no process is started"))
  )
)

/** What is wrong with a command line. Undefined: the program accepts it. */
const problemOf = Effect.fn(function* (args: ReadonlyArray<string>) {
  const format = yield* Ref.make(defaultErrorFormat)
  const error = yield* Command.runWith(program(layers, format), { version: "0.0.0" })(understood(args)).pipe(
    Effect.as(undefined),
    Effect.catch(Effect.succeed),
    Effect.catchDefect((defect) => (defect === reached ? Effect.undefined : Effect.die(defect))),
    Effect.provide(platform)
  )
  if (error === undefined) return undefined
  if (!CliError.isCliError(error)) return String(error)
  if (error._tag !== "ShowHelp") return error.message
  return error.errors.length === 0 ? undefined : error.errors.map(({ message }) => message).join("\n")
})

describe("docs/signing-in.md", () => {
  it("lists the checks of the doctor with the names and in the order of its output", () => {
    const text = readFileSync("docs/signing-in.md", "utf8").replaceAll("\n", " ")
    const listed = /checks, in this order: (.*?)\. /.exec(text)?.[1] ?? ""
    assert.deepStrictEqual(
      listed.split(/, | and /).map((name) => /`(.*?)`/.exec(name)?.[1]),
      ["configuration", ...checks]
    )
  })
})

describe("the documents", () => {
  it("show commands", () => {
    assert.isAbove(documentedCommands.length, 40)
  })

  it.effect.each(documentedCommands)("show a command that the program accepts: $line", ({ args }) =>
    Effect.map(problemOf(args), (problem) => assert.isUndefined(problem))
  )

  it.effect.each([
    ["login notion"],
    ["auth login"],
    ["tools notion --jsn"],
    ["--callback-timeout x servers"]
  ])("would be wrong with %s", ([line = ""]) =>
    Effect.map(problemOf(line.split(" ")), (problem) => assert.isDefined(problem))
  )
})
