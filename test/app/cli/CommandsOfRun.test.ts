import { assert, describe, it } from "@effect/vitest"
import { Command } from "effect/cli"
import { commandsOf } from "../../../src/app/cli/CommandsOfRun.ts"

/** The names of the commands of a run, and those that it declared. */
const commandsWith = (...words: ReadonlyArray<string>) => {
  const declared: Array<string> = []
  const declare = (name: string) => () => {
    declared.push(name)
    return Command.make(name)
  }
  const all = { tools: declare("tools"), auth: declare("auth"), servers: declare("servers") }
  return { names: commandsOf(words, all).map(({ name }) => name), declared }
}

describe("the commands of a run", () => {
  it.each<[ReadonlyArray<string>, ReadonlyArray<string>]>([
    [["auth", "token", "demo"], ["auth"]],
    [["--json", "tools", "demo"], ["tools"]],
    [
      ["tools", "auth"],
      ["tools", "auth"]
    ],
    [["--version"], []],
    [["-V", "--json"], []],
    [["--server", "demo"], []],
    [["--server=demo", "-v"], []],
    [["-s", "demo"], []],
    [[], ["tools", "auth", "servers"]],
    [
      ["tool", "demo"],
      ["tools", "auth", "servers"]
    ],
    [["--json"], ["tools", "auth", "servers"]],
    [
      ["auth", "--help"],
      ["tools", "auth", "servers"]
    ],
    [
      ["-h", "auth"],
      ["tools", "auth", "servers"]
    ]
  ])("%j declares %j", (words, expected) => {
    const { declared, names } = commandsWith(...words)
    assert.deepStrictEqual(names, ["tools", "auth", "servers"])
    assert.sameMembers(declared, [...expected])
  })
})
