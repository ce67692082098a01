import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { userInfo } from "node:os"
import { dirname, join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as ConfigurationFile from "../../../src/adapters/config/ConfigurationFile.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { ConfigurationReview } from "../../../src/ports/ConfigurationReview.ts"
import type { UntrustedConfiguration } from "../../../src/ports/ConfigurationTrust.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"
import { here, type Options, over } from "./InMemoryFile.ts"

const good = { mcpServers: { s: { url: "https://mcp.example.com/mcp" } } }
const atHome = "/home/ann/.mcp_cli/server_config.json"
const me = process.getuid?.() ?? 0
const stranger = me + 1

const servers = Configuration.use((configuration) => configuration.servers)
const tokenStorage = Configuration.use((configuration) => configuration.tokenStorage)

/** The configurations that need an approval, while everything of the configuration is read. */
const asked = (files: Readonly<Record<string, unknown>>, options: Options = {}) =>
  Effect.gen(function* () {
    const found: Array<UntrustedConfiguration> = []
    const requireApproval = (configuration: UntrustedConfiguration) =>
      Effect.sync(() => void found.push(configuration))
    yield* Effect.all([servers, tokenStorage]).pipe(
      Effect.provide(over(files, { ...options, requireApproval }))
    )
    return found
  })

/** What is wrong with a configuration that is not approved. Undefined: nothing, and it is used. */
const refusalOf = (files: Readonly<Record<string, unknown>>, options: Options = {}) =>
  servers.pipe(
    Effect.as(undefined),
    Effect.catchTag("ConfigurationError", (error) => Effect.succeed(errorText(error))),
    Effect.provide(over(files, { ...options, requireApproval: ({ refusal }) => refusal }))
  )

describe("a configuration that needs an approval", () => {
  it.effect("is the one in the working directory, once in a run", () =>
    Effect.gen(function* () {
      const [found, ...more] = yield* asked({ [here]: good, [atHome]: good })
      assert.deepInclude(found, { file: here, isFound: true, isExposed: false })
      assert.deepStrictEqual(more, [])
    })
  )

  it.effect("is not the user's own, and not one that the user names", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* asked({ [atHome]: good }), [])
      assert.deepStrictEqual(yield* asked({ [here]: good }, { path: "./server_config.json" }), [])
      // The user works in the folder of that file.
      assert.deepStrictEqual(yield* asked({ [here]: good }, { home: dirname(here) }), [])
    })
  )

  it.effect("is another one with another content", () =>
    Effect.gen(function* () {
      const digestOf = (content: unknown) =>
        Effect.map(asked({ [here]: content }), ([found]) => found?.digest)
      const digest = yield* digestOf(good)
      assert.match(digest ?? "", /^[0-9a-f]{64}$/)
      assert.strictEqual(yield* digestOf(good), digest)
      assert.notStrictEqual(yield* digestOf(`${JSON.stringify(good)} `), digest)
      // Another user who exchanges the folder can bring the same content.
      for (const folder of [
        { mode: 0o40755, uid: stranger },
        { mode: 0o40777, uid: me }
      ]) {
        const [exposed] = yield* asked({ [here]: good }, { uid: me, folder })
        assert.notStrictEqual(exposed?.digest, digest)
      }
    })
  )

  it.effect("is refused without one, before anything of it is used", () =>
    Effect.gen(function* () {
      const layer = over(
        { [here]: { ...good, tokenStorage: { password: "${PASSWORD}" } } },
        { requireApproval: ({ refusal }) => refusal }
      )
      for (const part of [servers, tokenStorage, Configuration.use(({ server }) => server("s"))]) {
        const error = yield* Effect.flip(Effect.provide(part as typeof servers, layer))
        assert.strictEqual(
          error.message,
          `${here}: it is in the working directory, and you have not approved it`
        )
      }
    })
  )
})

describe("what a configuration does", () => {
  it.effect("is shown before anything of it is used, without its secrets", () =>
    Effect.gen(function* () {
      const [found] = yield* asked({
        [here]: {
          mcpServers: {
            web: {
              url: "https://mcp.example.com/mcp",
              allow_http: true,
              headers: { "X-Key": "Bearer ${API_KEY}" },
              oauth: {
                token_url: "https://as.test/token",
                revocation_url: " HTTPS://evil.test/revoke",
                authorization_url: "${AS:-https://as.test}/authorize",
                client_id: "c",
                client_secret: "a plain secret",
                allow_private_addresses: true
              }
            },
            job: {
              url: "https://mcp.example.com/mcp",
              oauth: {
                grant_type: "enterprise_managed",
                issuer: "https://as.test",
                client_id: "c",
                identity_provider: {
                  token_url: "https://idp.test/token",
                  client_id: "i",
                  subject_token_file: "~/.ssh/id_ed25519"
                }
              }
            },
            local: {
              command: "sh",
              args: ["-c", "touch x"],
              env: { A: "${B}", C: "x${secret:KEY}" },
              cwd: "/tmp",
              trust: true,
              tools: { allow: ["*"], deny: ["delete"] }
            }
          },
          models: {
            default: "work:big",
            providers: {
              work: { base_url: "https://llm.test/v1", api_key: "${WORK_KEY}", headers: { "X-Team": "a" } },
              openai: { api_key: "a plain secret" }
            }
          },
          tokenStorage: {
            backend: "vault",
            vaultUrl: "https://vault.test",
            vaultTokenFile: "~/.vault-token",
            vaultPathPrefix: "theirs",
            vaultSkipVerify: true,
            password: "hunter2"
          },
          history: true
        }
      })
      assert.isDefined(found)
      const entries = yield* found.entries
      assert.deepStrictEqual(entries, [
        {
          name: "web",
          actions: [
            "connects to https://mcp.example.com/mcp",
            "with these headers: X-Key",
            "sends requests to https://as.test/token,  HTTPS://evil.test/revoke, ${AS:-https://as.test}/authorize",
            "sets allow_private_addresses to true, allow_http to true",
            "uses the variables API_KEY, AS"
          ]
        },
        {
          name: "job",
          actions: [
            "connects to https://mcp.example.com/mcp",
            "sends requests to https://as.test, https://idp.test/token",
            "reads ~/.ssh/id_ed25519"
          ]
        },
        {
          name: "local",
          actions: [
            "runs: sh -c touch x",
            "in the folder /tmp",
            "with these variables set: A, C",
            "lets a model use its tools that only read, without a question",
            "lets a model use these tools without a question: *",
            "uses the variables B",
            "uses the stored secrets KEY"
          ]
        },
        {
          name: "models",
          actions: [
            "chats with the model work:big",
            "sends conversations to https://llm.test/v1",
            "with these headers: X-Team",
            "uses the variables WORK_KEY"
          ]
        },
        {
          name: "tokenStorage",
          actions: [
            "stores sign-ins in vault, theirs",
            "sets the password of encrypted files",
            "sends requests to https://vault.test",
            "reads ~/.vault-token",
            "sets vaultSkipVerify to true"
          ]
        },
        { name: "history", actions: ["keeps conversations with models on this machine"] }
      ])
      assert.notMatch(JSON.stringify([found, entries]), /a plain secret|hunter2/)
    })
  )
})

describe("a configuration that other users could have written", () => {
  const cases: ReadonlyArray<readonly [string, Options, string | undefined]> = [
    ["of this user", { uid: me, mode: 0o100644 }, undefined],
    ["of root", { uid: 0, mode: 0o100644 }, undefined],
    ["of another user", { uid: stranger, mode: 0o100644 }, "belongs to another user"],
    ["that all can write", { uid: me, mode: 0o100646 }, "can be changed by other users"],
    ["that a group can write", { uid: me, gid: 99, mode: 0o100664 }, "can be changed by other users"],
    ["of root that all can write", { uid: 0, mode: 0o100666 }, "can be changed by other users"]
  ]

  it.effect.each(cases)("is refused wherever it is: %s", ([, options, problem]) =>
    Effect.gen(function* () {
      const places = [
        [here, { path: "server_config.json" }],
        [atHome, {}]
      ] as const
      for (const [file, place] of places) {
        const refusal = yield* refusalOf({ [file]: good }, { ...options, ...place })
        if (problem === undefined) assert.isUndefined(refusal)
        else assert.include(refusal, `${file}: it ${problem}`)
        const needed = yield* asked({ [file]: good }, { ...options, ...place })
        assert.deepStrictEqual(
          needed.map(({ isExposed, isFound }) => ({ isExposed, isFound })),
          problem === undefined ? [] : [{ isExposed: true, isFound: false }]
        )
      }
    })
  )

  it.effect("is refused with the command that fixes it", () =>
    Effect.gen(function* () {
      const writable = yield* refusalOf({ [here]: good }, { uid: me, mode: 0o100666 })
      assert.strictEqual(writable, `${here}: it can be changed by other users\nRun: chmod go-w ${here}`)
      const path = "/tmp/it's; touch x/server_config.json"
      assert.include(
        yield* refusalOf({ [path]: good }, { uid: me, mode: 0o100666, path }),
        "Run: chmod go-w '/tmp/it'\\''s; touch x/server_config.json'"
      )
    })
  )

  it.effect("may be written by the group that is the user's own, as on Ubuntu and Fedora", () =>
    Effect.gen(function* () {
      const { username } = userInfo()
      const shared = { uid: me, gid: 99, mode: 0o100664, path: "server_config.json" }
      const refused = `${here}: it can be changed by other users\nRun: chmod go-w ${here}`
      const groups: ReadonlyArray<readonly [string, string | undefined]> = [
        [`daemon:x:1:\n${username}:x:99:\n`, undefined],
        [`${username}:x:99:${username}\n`, undefined],
        [`${username}:x:99:www-data\n`, refused],
        [`staff:x:99:\n`, refused],
        [`${username}:x:100:\n`, refused]
      ]
      for (const [text, expected] of groups) {
        assert.strictEqual(yield* refusalOf({ [here]: good, "/etc/group": text }, shared), expected, text)
      }
    })
  )

  const folders: ReadonlyArray<readonly [string, Options, boolean]> = [
    ["of this user", { folder: { mode: 0o40755, uid: me } }, false],
    ["of root", { folder: { mode: 0o40755, uid: 0 } }, false],
    ["of another user", { folder: { mode: 0o40755, uid: stranger } }, true],
    ["that all can write", { folder: { mode: 0o40777, uid: me } }, true],
    ["that all can write and none can replace, as /tmp", { folder: { mode: 0o41777, uid: 0 } }, false],
    [
      "as /tmp, with a link",
      { folder: { mode: 0o41777, uid: 0 }, links: { [here]: "/home/ann/clone/server_config.json" } },
      true
    ],
    [
      "of this user, with a link",
      { folder: { mode: 0o40755, uid: me }, links: { [here]: "/home/ann/dotfiles/server_config.json" } },
      false
    ]
  ]
  it.effect.each(folders)("is one in a folder %s", ([, options, isExposed]) =>
    Effect.gen(function* () {
      const [found] = yield* asked({ [here]: good }, { uid: me, mode: 0o100644, ...options })
      assert.deepInclude(found, { isFound: true, isExposed })
      if (isExposed) assert.include(found?.refusal.message, `its folder ${dirname(here)} `)
      // The owner of the file that is open decides about a file that the user has named.
      assert.deepStrictEqual(
        yield* asked({ [here]: good }, { uid: me, mode: 0o100644, path: here, ...options }),
        []
      )
    })
  )

  it.effect("is not known on Windows", () =>
    Effect.gen(function* () {
      const path = "C:\\server_config.json"
      assert.isUndefined(
        yield* refusalOf({ [path]: good }, { path, windows: true, mode: 0o100666, uid: stranger })
      )
    })
  )
})

describe("a configuration on a disk", () => {
  const review = (path: string) =>
    ConfigurationReview.use((service) => service.read(path)).pipe(
      Effect.provide(
        ConfigurationFile.reviewLayer.pipe(Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer)))
      )
    )

  it.effect("is examined by its target, if it is a link", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const target = join(folder, "target.json")
      const link = join(folder, "link.json")
      writeFileSync(target, JSON.stringify(good), { mode: 0o600 })
      symlinkSync(target, link)
      assert.isFalse((yield* review(link)).isExposed)
      chmodSync(target, 0o622)
      assert.isTrue((yield* review(link)).isExposed)
    }).pipe(Effect.scoped)
  )

  it.effect("is read to its end, however long it is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "long.json")
      const names = Array.from({ length: 5_000 }, (_, index) => `sérver-${index}`)
      writeFileSync(
        path,
        JSON.stringify({ mcpServers: Object.fromEntries(names.map((name) => [name, good.mcpServers.s])) })
      )
      assert.deepStrictEqual(
        (yield* Effect.flatMap(review(path), ({ entries }) => entries)).map(({ name }) => name),
        names
      )
    }).pipe(Effect.scoped)
  )

  it.effect.each([
    ["is too long", () => " ".repeat(17 * 1024 * 1024), "it has more than 16 MiB"],
    [
      "has too many levels in a server",
      () => `{"mcpServers":{"s":{"url":"https://x.test","oauth":${'{"a":'.repeat(501)}1${"}".repeat(504)}`,
      "it is nested more than 500 levels deep"
    ],
    [
      "has too many levels in the arguments of a program",
      () => `{"mcpServers":{"s":{"command":"x","args":${"[".repeat(100_000)}${"]".repeat(100_000)}}}}`,
      "it is nested more than 500 levels deep"
    ],
    [
      "has too many levels elsewhere",
      () => `{"mcpServers":{},"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      "it is nested more than 500 levels deep"
    ]
  ] as const)("is refused if it %s", ([, text, expected]) =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "server_config.json")
      writeFileSync(path, text())
      const error = yield* Effect.flip(review(path))
      assert.include(error.message, `${path}: ${expected}`)
    }).pipe(Effect.scoped)
  )

  it.effect("may be no folder", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "server_config.json")
      mkdirSync(path)
      const error = yield* Effect.flip(review(path))
      assert.strictEqual(error.message, `${path}: it cannot be read: it is not a file`)
    }).pipe(Effect.scoped)
  )
})

describe("without anything that decides about trust", () => {
  it.effect("a file that other users can write is refused, also in the library", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)
      const path = join(folder, "server_config.json")
      writeFileSync(path, JSON.stringify(good), { mode: 0o666 })
      chmodSync(path, 0o666)
      const layer = ConfigurationFile.layer({
        path: Option.none(),
        searchesWorkingDirectory: false,
        home: folder
      }).pipe(Layer.provide(files))
      const error = yield* Effect.flip(Effect.provide(servers, layer))
      assert.strictEqual(error.message, `${path}: it can be changed by other users`)
    }).pipe(Effect.scoped)
  )
})
