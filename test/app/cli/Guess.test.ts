import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { CliOutput, Command } from "effect/cli"
import { allCommandNames } from "../../../src/app/cli/CommandNames.ts"
import { defaultErrorFormat } from "../../../src/app/cli/ErrorReport.ts"
import { guessOf, type Invocation, synonyms } from "../../../src/app/cli/Guess.ts"
import { builtIns, program } from "../../../src/app/cli/Program.ts"
import { understood } from "../../../src/app/cli/UnderstoodWords.ts"
import { live } from "../../../src/live/Live.ts"

const servers = ["notion", "linear", "call"]

/** What is guessed for a command line. Undefined: it parses, or nothing comes near. */
const guessFor = Effect.fnUntraced(function* (line: string) {
  const words = line.split(" ")
  const guesses: Array<string | undefined> = []
  const presenter = CliOutput.layerPresenter({
    present: (event) =>
      Effect.sync(() => {
        const [error] = event._tag === "InvalidInvocation" ? event.errors : []
        if (error !== undefined) guesses.push(guessOf({ ...event, error, servers, words } as Invocation))
      })
  })
  yield* Command.runWith(program(live("0.0.0"), yield* Ref.make(defaultErrorFormat)), { version: "0.0.0" })(
    words
  ).pipe(Effect.ignore, Effect.provide([presenter, builtIns, NodeServices.layer]))
  return guesses[0]
})

describe("a command line that does not parse", () => {
  const cases: ReadonlyArray<readonly [line: string, guess: string | undefined]> = [
    ["login", "Did you mean: mcp-cli auth login"],
    ["login notion", "Did you mean: mcp-cli auth login notion"],
    ["Sign-In notion --no-browser", "Did you mean: mcp-cli auth login notion ..."],
    ["logout notion", "Did you mean: mcp-cli auth logout notion"],
    ["lgout notion", "Did you mean: mcp-cli auth logout notion"],
    ["whoami", "Did you mean: mcp-cli auth status"],
    ["rekey", "Did you mean: mcp-cli storage rekey"],
    ["list", "Did you mean: mcp-cli servers"],
    ["list notion", "Did you mean: mcp-cli tools notion"],
    ["ls", "Did you mean: mcp-cli servers"],
    ["rm notion", "Did you mean: mcp-cli remove notion"],
    ["notion", "Did you mean: mcp-cli --server notion"],
    ["notoin", "Did you mean: mcp-cli --server notion"],
    ["https://mcp.notion.com/mcp", "Did you mean: mcp-cli --server https://mcp.notion.com/mcp"],
    ["servrs", "Did you mean servers?"],
    ["tool notion", "Did you mean tools?"],
    ["xyzzy", undefined],
    ["auth lgin notion", "Did you mean login?"],
    ["auth notion", "Did you mean: mcp-cli auth login notion"],
    ["auth list", "Did you mean: mcp-cli auth status"],
    ["storage migrate --to vault", "Did you mean: mcp-cli storage move ..."],
    ["--sever notion", "Did you mean --server?"],
    ["tools notion --jsn", "Did you mean --json?"],
    ["tools notion --acount=work", "Did you mean --account?"],
    ["tools notion --config a.json", "Did you mean --config-file?"],
    ["tools notion --nobrowser", "Did you mean --no-browser?"],
    ["import --from cursro", "Did you mean --from cursor?"],
    ["import --from=claude_code", "Did you mean --from claude-code?"],
    ["tools notion --color alway", "Did you mean --color always?"],
    ["add x https://a.example --grant-type device-code", "Did you mean --grant-type device_code?"],
    ["import --from netscape", undefined],
    ["call notion search --timeout x", undefined],
    ["tools --server notion", "Did you mean: mcp-cli tools notion"],
    ["auth login --server=notion", "Did you mean: mcp-cli auth login notion"],
    ["auth login notion --scopes a", "Did you mean --scope?"],
    ["add notion https://a.test --clientid x", "Did you mean --client-id?"],
    ["add files npx -y server", "Did you mean: mcp-cli add files -- npx ..."],
    ["call notion search --trace t.html", "--trace belongs to mcp-cli auth login."],
    ["tools notion --device", "--device belongs to mcp-cli auth login."],
    ["auth token notion --scope=a", "--scope belongs to mcp-cli auth login."],
    ["tools notion --frobnicate", undefined],
    ["import cursor", "Did you mean: mcp-cli import --from cursor"],
    ["import Claude_Code --dry-run", "Did you mean: mcp-cli import --from claude-code ..."],
    ["import mcp-remote", "Did you mean: mcp-cli import --tokens --from mcp-remote"],
    ["import codex --tokens", "Did you mean: mcp-cli import --tokens --from codex"],
    ["import netscape", undefined],
    ["import --from cursor zed", undefined],
    ["install notion cursor", "Did you mean: mcp-cli install notion --client cursor"],
    ["uninstall notion cursr --yes", "Did you mean: mcp-cli uninstall notion --client cursor ..."],
    ["install notion linear", undefined],
    ["ping notion cursor", undefined]
  ]
  it.effect.each(cases.map(([line, guess]) => ({ line, guess })))("$line", ({ guess, line }) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* guessFor(line), guess)
    })
  )

  it("is compared with commands that exist", () => {
    const targets = Object.values(synonyms).flatMap((group) => Object.values(group))
    for (const target of targets.filter((name) => name !== "--server")) {
      for (const word of target.split(" ")) assert.include(allCommandNames, word)
    }
    // Every command of a group is understood without it.
    const withoutGroup = Object.values(synonyms["mcp-cli"] ?? {})
    for (const word of ["login", "logout", "status", "token", "reset", "doctor", "client-metadata"]) {
      assert.include(withoutGroup, `auth ${word}`)
    }
    for (const word of ["move", "rekey"]) assert.include(withoutGroup, `storage ${word}`)
  })
})

describe("the words help and version", () => {
  const cases: ReadonlyArray<readonly [line: string, flags: string]> = [
    ["help", "--help"],
    ["help tools", "tools --help"],
    ["help auth login", "auth login --help"],
    ["auth help", "auth --help"],
    ["storage help", "storage --help"],
    ["version", "--version"],
    ["call notion help", "call notion help"],
    ["tools help", "tools help"],
    ["call notion version", "call notion version"]
  ]
  it.each(cases)("%s is %s", (line, flags) => {
    assert.strictEqual(understood(line.split(" ")).join(" "), flags)
  })
})
