import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { Command } from "effect/cli"
import { allCommandNames } from "../../../src/app/cli/CommandNames.ts"
import { defaultErrorFormat } from "../../../src/app/cli/ErrorReport.ts"
import { program } from "../../../src/app/cli/Program.ts"
import { verbs } from "../../../src/domain/Remedy.ts"
import { live } from "../../../src/live/Live.ts"
import { documents } from "../../Documents.ts"

/** The path of every command below one, without its own name. */
const pathsBelow = (command: Command.Command.Any): ReadonlyArray<string> =>
  command.subcommands.flatMap(({ commands }) =>
    commands.flatMap((child) => [child.name, ...pathsBelow(child).map((path) => `${child.name} ${path}`)])
  )

describe("the commands of the program", () => {
  it.effect("are those that the start of the program, the remedies and the documents know", () =>
    Effect.gen(function* () {
      const paths = pathsBelow(program(live("0.0.0"), yield* Ref.make(defaultErrorFormat)))
      assert.sameMembers([...allCommandNames], [...new Set(paths.flatMap((path) => path.split(" ")))])
      for (const verb of verbs) assert.include(paths, verb)
      for (const path of paths) assert.match(documents, new RegExp(`\\b${path}\\b`))
    })
  )
})
