import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Ref } from "effect"
import { CliOutput, Command, type HelpDoc } from "effect/cli"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { TestClock, TestConsole } from "effect/testing"
import { doctorReport } from "../../../src/app/cli/DoctorReport.ts"
import { status } from "../../../src/app/cli/AuthStatus.ts"
import { defaultErrorFormat } from "../../../src/app/cli/ErrorReport.ts"
import { helpLines } from "../../../src/app/cli/HelpText.ts"
import { printListing, toolListing } from "../../../src/app/cli/Listing.ts"
import { print } from "../../../src/app/cli/Output.ts"
import { builtIns, program } from "../../../src/app/cli/Program.ts"
import { servers } from "../../../src/app/cli/Servers.ts"
import { settings } from "../../../src/app/cli/Settings.ts"
import { displayWidth } from "../../../src/app/cli/TextWidth.ts"
import { type AccountStatus, CredentialStatus } from "../../../src/app/credentials/CredentialStatus.ts"
import type { Finding } from "../../../src/app/doctor/Finding.ts"
import type { OpenSession } from "../../../src/app/session/ServerSession.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import * as Remedy from "../../../src/domain/Remedy.ts"
import { live } from "../../../src/live/Live.ts"
import { noUser } from "../../../src/live/NoUser.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { Display } from "../../../src/ports/Display.ts"
import { storageBackends } from "../../../src/ports/StorageBackend.ts"
import { serverNamed } from "../World.ts"

const widths = [40, 60, 80, 120]

const display = (columns: number | undefined, canColor = false) =>
  Layer.succeed(Display, { columns, errorColumns: columns, canColor, canColorErrors: canColor })

/** What an effect prints on terminals of each width. */
const screensOf = <E>(shown: Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const screens: Array<string> = []
    for (const columns of widths) {
      const before = (yield* TestConsole.logLines).length
      yield* Effect.ignore(Effect.provide(shown, display(columns)))
      const text = (yield* TestConsole.logLines).slice(before).map(String).join("\n")
      for (const line of text.split("\n"))
        // A word of a command is not broken: it is there to be copied.
        if (!line.includes("mcp-cli ") && !line.endsWith(" \\"))
          assert.isAtMost(displayWidth(line), columns, line)
      screens.push(`--- ${columns} columns ---\n${text}\n`)
    }
    return screens.join("\n")
  })

/** Compares screens with a file. `vitest run -u` writes it. */
const expectScreens = (name: string, screens: string) =>
  Effect.promise(() => expect(screens).toMatchFileSnapshot(`screens/${name}.txt`))

const helpOf = Effect.fnUntraced(function* (path: ReadonlyArray<string>) {
  const found = yield* Ref.make<HelpDoc.HelpDoc | undefined>(undefined)
  const format = yield* Ref.make(defaultErrorFormat)
  const presenter = CliOutput.layerPresenter({
    present: (event) => (event._tag === "Help" ? Ref.set(found, event.helpDoc) : Effect.void)
  })
  yield* Command.runWith(program(live("0.0.0"), format), { version: "0.0.0" })([...path, "--help"]).pipe(
    Effect.ignore,
    Effect.provide(Layer.mergeAll(NodeServices.layer, builtIns, presenter))
  )
  const doc = yield* Ref.get(found)
  if (doc === undefined) return yield* Effect.die(`no help of ${path.join(" ")}`)
  return doc
})

const pathsBelow = (command: Command.Command.Any): ReadonlyArray<ReadonlyArray<string>> =>
  command.subcommands.flatMap(({ commands }) =>
    commands.flatMap((child) => [[child.name], ...pathsBelow(child).map((path) => [child.name, ...path])])
  )

describe("help", () => {
  it.effect.each([[], ["auth", "login"], ["call"]].map((path) => [path] as const))(
    "of %o is as it was",
    ([path]) =>
      Effect.gen(function* () {
        const doc = yield* helpOf(path)
        const shown = Effect.flatMap(Display, ({ columns }) => print(...helpLines(doc, columns)))
        yield* expectScreens(["help", ...path].join("-"), yield* screensOf(shown))
      })
  )

  it.effect("of every command has examples, commands first, and global flags last and short", () =>
    Effect.gen(function* () {
      const format = yield* Ref.make(defaultErrorFormat)
      for (const path of [[], ...pathsBelow(program(live("0.0.0"), format))]) {
        const doc = yield* helpOf(path)
        const screens = yield* screensOf(
          Effect.flatMap(Display, ({ columns }) => print(...helpLines(doc, columns)))
        )
        const headings = screens.split("--- 60")[0]?.match(/^[A-Z][A-Z ]+$/gm) ?? []
        assert.strictEqual(headings.at(-1), "GLOBAL FLAGS", path.join(" "))
        assert.include(headings, "EXAMPLES", path.join(" "))
        if (doc.subcommands !== undefined && doc.subcommands.length > 0)
          assert.strictEqual(headings[1], "COMMANDS", path.join(" "))
        assert.include(screens, "--no-browser")
      }
    })
  )
})

const account = (name: string, about: Partial<AccountStatus>): AccountStatus => ({
  key: CredentialKey.of(name),
  state: "signed out",
  expiresAt: undefined,
  renewable: false,
  scopes: [],
  issuer: undefined,
  resource: new URL(`https://${name}.example.com/mcp`).href,
  keptIn: { backend: storageBackends.encrypted, location: "/home/ann/.mcp_cli/tokens" },
  problem: undefined,
  ...about
})

const accounts = [
  account("atlassian", { state: "expired", expiresAt: -2 * 86_400_000, scopes: ["read:jira-work"] }),
  account("linear", { state: "refreshable", expiresAt: -60_000, renewable: true, scopes: ["read", "write"] }),
  account("notion", { state: "signed in", expiresAt: 47 * 60_000, renewable: true }),
  account("日本語", { state: "signed out" }),
  account("slack", {
    state: "refreshable",
    renewable: true,
    failed: { at: -3_600_000, answer: "HTTP 500" },
    scopes: ["channels:history", "channels:read", "chat:write", "users:read"]
  })
]

const summaries = accounts.map(({ key }) => ({
  name: key.server,
  transport: "http" as const,
  target: `https://${key.server}.example.com/mcp`,
  authorization: "oauth (discovered)" as const
}))

const configuration = Layer.mock(Configuration, {
  file: Effect.succeed("/home/ann/.mcp_cli/server_config.json"),
  servers: Effect.succeed(summaries),
  invalid: Effect.succeed([]),
  warnings: Effect.succeed([]),
  server: (name) => Effect.succeed(serverNamed(name))
})

const statusOf = (args: ReadonlyArray<string>, shown: ReadonlyArray<AccountStatus> = accounts) =>
  Command.runWith(Command.withGlobalFlags(status, settings), { version: "0" })(args).pipe(
    Effect.provide(
      Layer.mergeAll(
        NodeServices.layer,
        builtIns,
        configuration,
        noUser,
        Layer.mock(CredentialStatus, {
          of: (key) => Effect.succeed(account(key.server, { key })),
          all: (_, isWanted = () => true) =>
            Effect.succeed({ accounts: shown.filter(({ key }) => isWanted(key)), unlisted: undefined })
        })
      )
    )
  )

describe("auth status", () => {
  it.effect("is as it was", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0)
      yield* expectScreens("auth-status", yield* screensOf(statusOf([])))
    })
  )

  it.effect.each<readonly [string, ReadonlyArray<string>, ReadonlyArray<AccountStatus>, string | undefined]>([
    ["no name, one expired", [], accounts, "SignInsRequired"],
    ["one that is signed in", ["notion"], accounts, undefined],
    ["one that renews on next use", ["linear"], accounts, undefined],
    ["one that has expired", ["atlassian"], accounts, "SignInRequired"],
    ["one that is signed out", ["日本語"], accounts, "SignInRequired"],
    ["none in need", [], accounts.slice(1, 3), undefined],
    [
      "another account of the same server, signed in",
      [],
      [
        account("notion", {}),
        account("notion", { key: CredentialKey.of("notion", "work"), state: "signed in" })
      ],
      undefined
    ],
    ["a sign-in that the configuration does not name", [], [account("gone", { state: "expired" })], undefined]
  ])("fails if a sign-in is needed: %s", ([, args, shown, tag]) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0)
      const result = yield* Effect.result(statusOf(args, shown))
      assert.strictEqual(result._tag === "Failure" ? result.failure._tag : undefined, tag)
    })
  )

  it.effect("has a colour for each state, on a terminal alone", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0)
      yield* Effect.ignore(Effect.provide(statusOf([]), display(120, true)))
      yield* Effect.ignore(statusOf([]))
      const [coloured = "", piped = ""] = (yield* TestConsole.logLines).map(String)
      for (const shown of ["\u001b[31mexpired", "\u001b[32msigned in", "\u001b[35msigned out"])
        assert.include(coloured, shown)
      assert.notInclude(piped, "\u001b")
    })
  )
})

describe("a list", () => {
  const tool = (
    name: string,
    description: string,
    required: ReadonlyArray<string>,
    optional: ReadonlyArray<string>
  ) => ({
    name,
    title: undefined,
    description,
    inputSchema: {
      properties: Object.fromEntries([...required, ...optional].map((key) => [key, {}])),
      required
    }
  })
  const session = {
    tools: Effect.succeed([
      tool(
        "notion-search",
        "Search the workspace and connected sources such as Slack and Google Drive.",
        ["query"],
        ["filters", "page_url", "teamspace_id"]
      ),
      tool("notion-fetch", "取得: ページまたはデータベースの内容をURLまたはIDで取得します。", ["id"], []),
      tool(
        "notion-create-pages",
        `Creates pages. ${"Each page has properties and a content. ".repeat(12)}`,
        ["pages"],
        ["parent"]
      ),
      tool("whoami", "", [], [])
    ])
  } as unknown as OpenSession

  it.effect("of tools is as it was", () =>
    Effect.gen(function* () {
      yield* expectScreens("tools", yield* screensOf(printListing(toolListing, session, "notion")))
    })
  )

  it.effect("of servers is as it was", () =>
    Effect.gen(function* () {
      const shown = Command.runWith(Command.withGlobalFlags(servers, settings), { version: "0" })([]).pipe(
        Effect.provide(Layer.mergeAll(NodeServices.layer, builtIns, configuration))
      )
      yield* expectScreens("servers", yield* screensOf(shown))
    })
  )
})

const finding = (
  check: Finding["check"],
  about: Finding["status"],
  what: string,
  ...remedies: Finding["remedies"]
): Finding => ({ check, status: about, what, remedies })

const findings = [
  finding("proxy", "ok", "none: the server is reached directly"),
  finding("server", "ok", "TLS is good, and it requires a sign-in (401)"),
  finding("clock", "ok", "it agrees with the server's"),
  finding(
    "issuer",
    "note",
    "https://auth.example.com, as the server names it, and its metadata agrees; it does not announce that its answers name it (RFC 9207)"
  ),
  finding(
    "registration",
    "wrong",
    "the authorization server registers no clients automatically",
    Remedy.advice("Register an application with the provider."),
    Remedy.set(Remedy.oauthOf("notion"), { client_id: null }, "you have registered one")
  ),
  finding("PKCE", "skipped", "not checked"),
  finding("redirect", "skipped", "not checked"),
  finding(
    "sign-in",
    "note",
    "not signed in",
    Remedy.command("auth login", { server: "notion", account: "work" })
  )
]

describe("the report of the doctor", () => {
  it.effect("is as it was", () =>
    Effect.gen(function* () {
      const shown = Effect.flatMap(Display, ({ columns }) =>
        print(...doctorReport(findings, { columns, configFile: undefined, verbose: false }))
      )
      yield* expectScreens("doctor", yield* screensOf(shown))
    })
  )

  it.effect("shows what is wrong first, what is right in one line, and its details only with -v", () =>
    Effect.gen(function* () {
      for (const verbose of [false, true])
        yield* print(...doctorReport(findings, { columns: undefined, configFile: undefined, verbose }))
      const [short = "", long = ""] = (yield* TestConsole.logLines).map(String)
      assert.match(short, /^WRONG {2}registration: .*\n {7}-> Register an application/)
      assert.match(short, /^ok {5}proxy, server, clock\.$/m)
      assert.match(short, /^- {6}not checked: PKCE, redirect \(an earlier check failed\)\.$/m)
      assert.match(long, /^ok {5}proxy: none: the server is reached directly\.$/m)
      assert.isTrue(Option.isNone(Option.fromNullishOr(/^ok {5}proxy, server/m.exec(long))))
    })
  )
})
