import { resolve } from "node:path"
import { afterAll, afterEach, assert, beforeAll, it } from "vitest"
import { accepts, type RealServer } from "../../servers/RealServer.ts"
import { type Home, makeHome } from "../World.ts"

const anHourLater = [process.execPath, "--import", resolve("test/servers/anHourLater.ts")]

/** What differs between servers. */
export interface SuiteOptions {
  readonly start: () => Promise<RealServer>
  /** Its access tokens are signed, and live on when a user has signed out. */
  readonly tokensLiveOn?: boolean
  /** It redirects to its address from the one with a slash at the end. */
  readonly redirectsSlash?: boolean
  /** It drops the refresh token with an expired access token that it is shown, as FastMCP's provider in memory does. */
  readonly dropsExpired?: boolean
}

/** What every server that can be signed in to must give its user: the same steps at each of them. */
export const signInSuite = ({ start, tokensLiveOn, redirectsSlash, dropsExpired }: SuiteOptions): void => {
  const spellings = redirectsSlash === true ? ["/"] : []
  let server: RealServer
  let home: Home
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.close())
  afterEach(() => home.close())

  const run = async (...args: ReadonlyArray<string>) => {
    const ended = await home.run(args)
    assert.strictEqual(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`)
    return ended
  }
  const signIn = async (url = server.url) => {
    const { account } = server
    home = makeHome(url, account === undefined ? {} : { BROWSER_ACCOUNT: JSON.stringify(account) })
    await run("auth", "login", "demo")
    assert.strictEqual(home.browsersOpened(), 1)
  }
  const sum = ["call", "demo", "add", "a=19", "b=23"]
  const refreshes = () => server.count("/token", "refresh_token")

  it("signs in by its URL alone, lists its tools and calls one", async () => {
    await signIn()
    assert.include((await run("tools", "demo")).stdout, "add")
    assert.strictEqual((await run(...sum)).stdout, "42\n")
    assert.strictEqual(home.browsersOpened(), 1)
  })

  it.each(spellings)("signs in by its URL with %s at the end", async (end) => {
    await signIn(server.url + end)
    assert.strictEqual((await run(...sum)).stdout, "42\n")
  })

  it("refreshes once for ten processes that find their token expired, and each gets its answer", async () => {
    await signIn()
    assert.strictEqual((await run(...sum)).stdout, "42\n")
    const before = await refreshes()
    await server.expire()
    const ended = await Promise.all(Array.from({ length: 10 }, () => home.run(sum, { runtime: anHourLater })))
    for (const { stderr, stdout } of ended) assert.strictEqual(stdout, "42\n", stderr)
    assert.strictEqual((await refreshes()) - before, 1)
    assert.strictEqual(home.browsersOpened(), 1)
  })

  it("refreshes a token that is refused before its time, or names the sign-in if the server has ended it", async () => {
    await signIn()
    assert.strictEqual((await run(...sum)).stdout, "42\n")
    await server.expire()
    const ended = await home.run(sum)
    if (dropsExpired === true) {
      assert.strictEqual(ended.code, 3)
      assert.include(ended.stderr, "mcp-cli auth login demo")
    } else assert.strictEqual(ended.stdout, "42\n", ended.stderr)
    assert.strictEqual(home.browsersOpened(), 1)
  })

  it("asks for a sign-in when the server has lost its memory, and signs in again", async () => {
    await signIn()
    assert.strictEqual((await run(...sum)).stdout, "42\n")
    await server.forget()
    const lost = await home.run(sum)
    assert.strictEqual(lost.code, 3, lost.stderr)
    assert.include(lost.stderr, "mcp-cli auth login demo")
    await run("auth", "login", "demo")
    assert.strictEqual((await run(...sum)).stdout, "42\n")
    assert.strictEqual(home.browsersOpened(), 2)
  })

  it("signs out at the server and on this machine", async () => {
    await signIn()
    const token = (await run("auth", "token", "demo")).stdout.trim()
    assert.isTrue(await accepts(server, token))
    const before = await server.count("/revoke")
    await run("auth", "logout", "demo")
    assert.isAbove(await server.count("/revoke"), before)
    assert.strictEqual(await accepts(server, token), tokensLiveOn === true)
    assert.strictEqual((await home.run(sum)).code, 3)
  })
}
