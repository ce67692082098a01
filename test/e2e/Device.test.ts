import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { useDevice } from "../servers/DeviceUser.ts"
import { startWorld, type World } from "./World.ts"

let world: World

beforeAll(async () => {
  world = await startWorld({ deviceFlow: true })
})
afterAll(() => world.close())

/** Starts a sign-in by a device code, and lets a user answer it on another device. */
const signIn = async (answer: "approve" | "deny") => {
  const running = world.start(["auth", "login", "demo", "--device"])
  const [, address = "", code = ""] = await running.shows(/(http:\/\/\S+)[^]*?\b([A-Z0-9]{4}-[A-Z0-9]{4})\b/)
  await useDevice(new URL(address), code, answer)
  return running.ended
}

describe("auth login --device", () => {
  it("says where to enter which code, and ends with 3 where the user says no", async () => {
    const { code, stderr } = await signIn("deny")
    assert.strictEqual(code, 3, stderr)
    assert.include(stderr, "access_denied")
  })

  it("signs in without a browser on this machine, and not again after it", async () => {
    const { code, stderr } = await signIn("approve")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(world.browsersOpened(), 0)
    world.mcpServer.rejectSeenTokens()
    const tools = await world.run(["tools", "demo"])
    assert.strictEqual(tools.code, 0, tools.stderr)
    assert.strictEqual(world.browsersOpened(), 0)
  })

  it("draws no code to scan, and holds no device code, where nobody looks at a terminal", async () => {
    const { stderr } = await signIn("approve")
    assert.notMatch(stderr, /[▀▄█]/)
    assert.notInclude(stderr, "device_code")
  })
})
