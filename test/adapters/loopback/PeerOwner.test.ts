import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { peerOwners } from "../../../src/adapters/loopback/PeerOwner.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const own = process.getuid?.() ?? 0
const other = own + 1
const socket = { localPort: 8080, remotePort: 50_000 }
const port = (number: number) => number.toString(16).toUpperCase().padStart(4, "0")

/** A line of the table: a connection to the listener. */
const line = (user: number, inode = 4711, host = "0100007F", from = 50_000) =>
  `   1: ${host}:${port(from)} ${host}:${port(8080)} 01 00000000:00000000 00:00000000 00000000  ${user}        0 ${inode} 1 0 20 4 30 10 -1`

/** The listener's end of the same connection, which is always this user's. */
const listenersEnd = (state = "01") =>
  `   0: 0100007F:${port(8080)} 0100007F:${port(50_000)} ${state} 00000000:00000000 00:00000000 00000000  ${own}        0 4712 1 0 20 4 30 10 -1`

/** A port that is listened at. */
const listens = (user: number) =>
  `   0: 0100007F:${port(8080)} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  ${user}        0 4710 1 0 20 4 30 10 -1`

const tableOf = (lines: ReadonlyArray<string>) =>
  Effect.map(temporaryFolder, (folder) => {
    const path = join(folder, "tcp")
    writeFileSync(path, ["  sl  local_address rem_address", ...lines, ""].join("\n"))
    return path
  })

describe.skipIf(process.platform !== "linux")("the user who made a connection (needs Linux)", () => {
  it.effect.each([
    ["this user", [listenersEnd(), line(own)], false],
    ["another user", [listenersEnd(), line(other)], true],
    ["root, who forwards ports", [listenersEnd(), line(0)], false],
    ["another user, who has closed it: the kernel shows root", [listenersEnd(), line(0, 0)], true],
    ["two users, at two addresses", [listenersEnd(), line(own), line(other, 4711, "0200007F")], true],
    [
      "another user, with an IPv6 socket",
      [listenersEnd(), line(other, 4711, "0000000000000000FFFF00000100007F")],
      true
    ],
    ["no user of this machine", [listenersEnd(), line(other, 4711, "0100007F", 50_001)], false],
    ["unknown, because it was reset", [line(other, 4711, "0100007F", 50_001)], true],
    ["unknown, because it ended while this process was paused", [listenersEnd("08")], true]
  ] as const)("is %s", ([, lines, expected]) =>
    Effect.gen(function* () {
      const owners = peerOwners([yield* tableOf(lines), "/no/such/tcp6"])
      assert.strictEqual(owners.mayBeAnotherUser(socket), expected)
    })
  )

  it.effect("is unknown if the tables cannot be read, or the port is gone", () =>
    Effect.gen(function* () {
      assert.isTrue(peerOwners(["/no/such/tcp", "/no/such/tcp6"]).mayBeAnotherUser(socket))
      const ofThisUser = peerOwners([yield* tableOf([listenersEnd(), line(own)])])
      assert.isTrue(ofThisUser.mayBeAnotherUser({ localPort: 8080, remotePort: undefined }))
    })
  )

  it.effect.each([
    ["show this listener", (table: string) => [table, "/no/such/tcp6"], own, true],
    ["show none", (table: string) => [table], other, false],
    ["are hidden", () => ["/no/such/tcp", "/no/such/tcp6"], own, false],
    ["are hidden in part", (table: string) => [table, "/"], own, false]
  ] as const)("can be told if the tables %s", ([, paths, user, expected]) =>
    Effect.gen(function* () {
      const owners = peerOwners(paths(yield* tableOf([listens(user), listenersEnd()])))
      assert.strictEqual(owners.canTell(8080), expected)
    })
  )
})
