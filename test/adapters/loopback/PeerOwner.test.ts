import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isOfAnotherUser } from "../../../src/adapters/loopback/PeerOwner.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const own = process.getuid?.() ?? 0
const other = own + 1
const socket = { localPort: 8080, remotePort: 50_000 }
const port = (number: number) => number.toString(16).toUpperCase().padStart(4, "0")

/** A line of the table: a connection to the listener. */
const line = (user: number, inode = 4711, host = "0100007F", from = 50_000) =>
  `   1: ${host}:${port(from)} ${host}:${port(8080)} 01 00000000:00000000 00:00000000 00000000  ${user}        0 ${inode} 1 0 20 4 30 10 -1`

/** The listener's end of the same connection, which is always this user's. */
const listenersEnd = `   0: 0100007F:${port(8080)} 0100007F:${port(50_000)} 01 00000000:00000000 00:00000000 00000000  ${own}        0 4712 1 0 20 4 30 10 -1`

describe.skipIf(process.platform !== "linux")("the user who made a connection (needs Linux)", () => {
  it.effect.each([
    ["this user", [line(own)], false],
    ["another user", [line(other)], true],
    ["root, who forwards ports", [line(0)], false],
    ["another user, who has closed it: the kernel shows root", [line(0, 0)], true],
    ["another user, at another port", [line(other, 4711, "0100007F", 50_001)], false],
    ["two users, at two addresses", [line(own), line(other, 4711, "0200007F")], true],
    ["another user, with an IPv6 socket", [line(other, 4711, "0000000000000000FFFF00000100007F")], true],
    ["nobody on this machine", [], false]
  ] as const)("is %s", ([, lines, expected]) =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "tcp")
      writeFileSync(path, ["  sl  local_address rem_address", listenersEnd, ...lines, ""].join("\n"))
      assert.strictEqual(isOfAnotherUser(socket, [path, "/no/such/table"]), expected)
    })
  )
})
