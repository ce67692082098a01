import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Client } from "@modelcontextprotocol/client"
import { startWorld } from "../../test/e2e/World.ts"
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer
} from "../../test/servers/AuthorizationServer.ts"
import { type McpServer, startMcpServer } from "../../test/servers/McpServer.ts"
import { followRedirects } from "../../test/servers/BrowserUser.ts"
import { minutesLater } from "./LaterClock.ts"
import { OurHost } from "./OurHost.ts"
import { fileShelf, memoryShelf, SdkHost } from "./SdkHost.ts"

/** What was seen on one side. */
export interface Seen {
  readonly said: string
  readonly right: boolean
}

/** A row: the same thing done on both sides, in front of servers of their own. */
export interface Scenario {
  readonly name: string
  readonly ours: () => Promise<Seen>
  readonly theirs: () => Promise<Seen>
}

interface Servers {
  readonly authorizationServer: AuthorizationServer
  readonly mcpServer: McpServer
}

/** Real servers (oidc-provider, the official SDK's server) for as long as a side needs them. */
const withServers =
  (run: (servers: Servers) => Promise<Seen>, options: AuthorizationServerOptions = {}) =>
  async (): Promise<Seen> => {
    const authorizationServer = await startAuthorizationServer({ autoApprove: true, ...options })
    const mcpServer = await startMcpServer({ authorizationServer })
    try {
      return await run({ authorizationServer, mcpServer })
    } finally {
      await mcpServer.close()
      await authorizationServer.close()
    }
  }

/** Anything that opens a browser and connects. */
interface Host {
  readonly opened: ReadonlyArray<URL>
  readonly connect: (url: URL) => Promise<Client>
}

const refreshesOf = ({ counts }: AuthorizationServer): number => counts.get("token:refresh_token") ?? 0

/** Refresh requests with a refresh token that was sent before. */
const replaysOf = ({ tokenRequests }: AuthorizationServer): number => {
  const sent = tokenRequests.flatMap(({ parameters }) => parameters.get("refresh_token") ?? [])
  return sent.length - new Set(sent).size
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

/** What became of the refresh token. */
const refreshing = (authorizationServer: AuthorizationServer): string => {
  const replays = replaysOf(authorizationServer)
  return [
    plural(refreshesOf(authorizationServer), "refresh request"),
    ...(replays === 0 ? [] : [`${replays} of them with a spent refresh token`]),
    authorizationServer.revokedGrants() === 0 ? "nothing revoked" : "sign-in revoked"
  ].join(", ")
}

const worked = async (calls: ReadonlyArray<Promise<unknown>>): Promise<number> =>
  (await Promise.allSettled(calls)).filter(({ status }) => status === "fulfilled").length

/** Calls a tool, and fails unless it answers what it was asked. */
const echo = async (client: Client): Promise<void> => {
  const { content } = await client.callTool({ name: "echo", arguments: { text: "here" } })
  const [first] = content
  if (first?.type !== "text" || first.text !== "here") throw new Error("the tool answered something else")
}

const withOurs =
  (run: (servers: Servers, host: Host) => Promise<Seen>) =>
  async (servers: Servers): Promise<Seen> => {
    const host = new OurHost()
    try {
      return await run(servers, host)
    } finally {
      await host.close()
    }
  }
const withTheirs = (run: (servers: Servers, host: Host) => Promise<Seen>) => (servers: Servers) =>
  run(servers, new SdkHost(memoryShelf()))

/** The same on both sides. */
const onBoth = (
  run: (servers: Servers, host: Host) => Promise<Seen>,
  options: AuthorizationServerOptions = {}
): Omit<Scenario, "name"> => ({
  ours: withServers(withOurs(run), options),
  theirs: withServers(withTheirs(run), options)
})

/** Ten calls at once with a token that has ended, and a refresh token that is good once. */
const tenCalls = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  const client = await host.connect(mcpServer.url)
  await echo(client)
  mcpServer.rejectSeenTokens()
  const before = host.opened.length
  const done = await worked(Array.from({ length: 10 }, () => echo(client)))
  const opened = host.opened.length - before
  return {
    said: `${refreshing(authorizationServer)}, browser opened ${plural(opened, "time")}, ${done} of 10 calls worked`,
    right:
      refreshesOf(authorizationServer) === 1 &&
      authorizationServer.revokedGrants() === 0 &&
      opened === 0 &&
      done === 10
  }
}

/** The authorization server answers one refresh with 503. */
const hiccup = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  const client = await host.connect(mcpServer.url)
  await echo(client)
  mcpServer.rejectSeenTokens()
  const before = host.opened.length
  authorizationServer.failNext({ kind: "status", status: 503 })
  const first = await worked([echo(client)])
  const opened = host.opened.length - before
  const next = await worked([echo(client)])
  const ended = (done: number) => (done === 1 ? "worked" : "failed")
  return {
    said: `browser opened ${plural(opened, "time")}, the call ${ended(first)}, the next one ${ended(next)}`,
    right: opened === 0 && first === 1 && next === 1
  }
}

/** An access token that ended twenty minutes ago, by what its server said of it. */
const endedByTheClock = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  const client = await host.connect(mcpServer.url)
  await echo(client)
  const refused = () => mcpServer.counts.get("401") ?? 0
  const before = refused()
  const done = await minutesLater(30, () => worked([echo(client)]))
  const sent = refused() - before
  return {
    said: `${sent === 0 ? "not sent" : `sent, answered 401 ${plural(sent, "time")}`}, ${plural(refreshesOf(authorizationServer), "refresh request")}, the call ${done === 1 ? "worked" : "failed"}`,
    right: sent === 0 && refreshesOf(authorizationServer) === 1 && done === 1
  }
}

/** Metadata that does not announce PKCE: the specification has clients refuse (2025-11-25, 2026-07-28). */
const silentOnPkce = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  const connected = await worked([host.connect(mcpServer.url)])
  const sent = authorizationServer.authorizations.length
  const read = authorizationServer.counts.get("metadata") ?? 0
  return {
    said:
      sent === 0
        ? `metadata ${read === 0 ? "not read" : "read"}, refused before the browser`
        : "went to the authorization endpoint",
    right: read > 0 && sent === 0 && connected === 0
  }
}

/** Metadata of an issuer that is spelled otherwise than the one it was asked of (RFC 8414 §3.3). */
const otherIssuer = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  const issuer = authorizationServer.issuer.replace("127.0.0.1", "localhost")
  mcpServer.moveTo({ ...authorizationServer, issuer })
  return silentOnPkce({ authorizationServer, mcpServer }, host)
}

/** The MCP server names another authorization server from one day to the next. */
const moved = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  await echo(await host.connect(mcpServer.url))
  const first = new Set(authorizationServer.authorizations.map((asked) => asked.get("client_id")))
  const next = await startAuthorizationServer({ autoApprove: true })
  try {
    mcpServer.moveTo(next)
    const done = await worked([host.connect(mcpServer.url).then(echo)])
    const shown = next.authorizations.filter((asked) => first.has(asked.get("client_id"))).length
    return {
      said: `${next.authorizations.length === 0 ? "never asked the new one" : `asked the new one ${shown === 0 ? "as a client of its own" : "with the client id of the old one"}`}, the call ${done === 1 ? "worked" : "failed"}`,
      right: next.authorizations.length === 1 && shown === 0 && done === 1
    }
  } finally {
    await next.close()
  }
}

/** What comes to the callback before the answer of the authorization server, from somebody who does not know `state`. */
const forgeriesOf = (back: URL) => {
  const without = new URL(back)
  without.searchParams.delete("state")
  without.searchParams.set("code", "forged-without-state")
  const foreign = new URL(back)
  foreign.searchParams.set("state", "another")
  foreign.searchParams.set("code", "forged-with-another-state")
  return { without, foreign }
}

/** What became of answers that the authorization server never gave. */
const forgeriesSeen = (authorizationServer: AuthorizationServer) => {
  const codes = authorizationServer.tokenRequests.map(({ parameters }) => parameters.get("code"))
  const ended = (code: string) => (codes.includes(code) ? "sent to the token endpoint" : "refused")
  return {
    said: `an answer without it ${ended("forged-without-state")}, one with another ${ended("forged-with-another-state")}`,
    right: !codes.some((code) => code?.startsWith("forged") === true)
  }
}

const ourState = async ({ authorizationServer, mcpServer }: Servers): Promise<Seen> => {
  const host = new OurHost(async (back) => {
    const { foreign, without } = forgeriesOf(back)
    for (const answer of [without, foreign, back]) await worked([fetch(answer)])
  })
  try {
    const done = await worked([host.connect(mcpServer.url).then(echo)])
    const sent = host.opened[0]?.searchParams.has("state") === true
    const { right, said } = forgeriesSeen(authorizationServer)
    return {
      said: `state ${sent ? "sent" : "not sent"}; ${said}; the true one after them ${done === 1 ? "worked" : "failed"}`,
      right: sent && right && done === 1
    }
  } finally {
    await host.close()
  }
}

const theirState = async ({ authorizationServer, mcpServer }: Servers): Promise<Seen> => {
  const plain = await new SdkHost(memoryShelf()).begin(mcpServer.url)
  const host = new SdkHost(memoryShelf(), { makesState: true })
  const address = await host.begin(mcpServer.url)
  if (plain === undefined || address === undefined) throw new Error("the SDK did not begin a sign-in")
  const { url } = await followRedirects(address.href, host.redirectUrl)
  const { foreign, without } = forgeriesOf(new URL(url))
  for (const answer of [without, foreign]) {
    await worked([host.finish(mcpServer.url, answer.searchParams)])
  }
  const byItself = plain.searchParams.has("state")
  const sent = address.searchParams.has("state")
  const { right, said } = forgeriesSeen(authorizationServer)
  return {
    said: `state ${byItself ? "sent" : sent ? "sent only where the host makes one" : "not sent"}; ${said}`,
    right: sent && right
  }
}

const program = fileURLToPath(new URL("SdkWorker.ts", import.meta.url))

/** Starts a process with the SDK; done when it is connected. */
const startWorker = async (url: URL, file: string) => {
  const child = spawn(process.execPath, [program, url.href, file])
  let text = ""
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
  const ended = new Promise<{ readonly done: boolean; readonly opened: number }>((resolve) =>
    child.once("close", () =>
      resolve(
        text === ""
          ? { done: false, opened: 0 }
          : (JSON.parse(text) as { readonly done: boolean; readonly opened: number })
      )
    )
  )
  await new Promise<void>((resolve) => {
    let said = ""
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes("Connected")) resolve()
    })
    void ended.then(() => resolve())
  })
  return { call: () => child.stdin.end("call\n"), ended }
}

const processes = 4
const processesSeen = (
  authorizationServer: AuthorizationServer,
  { done, opened }: { readonly done: number; readonly opened: number }
): Seen => ({
  said: `${refreshing(authorizationServer)}, browser opened ${plural(opened, "time")}, ${done} of ${processes} worked`,
  right:
    refreshesOf(authorizationServer) === 1 &&
    authorizationServer.revokedGrants() === 0 &&
    opened === 0 &&
    done === processes
})

const ourProcesses = async (): Promise<Seen> => {
  const world = await startWorld()
  try {
    await world.run(["auth", "login", "demo"])
    const sessions = await Promise.all(
      Array.from({ length: processes }, async () => {
        const session = world.start(["--server", "demo"], { openInput: true })
        await session.shows(/Connected/)
        return session
      })
    )
    const before = world.browsersOpened()
    world.mcpServer.rejectSeenTokens()
    for (const { child } of sessions) child.stdin?.end("/tools\n/quit\n")
    const ends = await Promise.all(sessions.map(({ ended }) => ended))
    return processesSeen(world.authorizationServer, {
      done: ends.filter(({ code, stdout }) => code === 0 && stdout.includes("echo")).length,
      opened: world.browsersOpened() - before
    })
  } finally {
    await world.close()
  }
}

const theirProcesses = async ({ authorizationServer, mcpServer }: Servers): Promise<Seen> => {
  const folder = mkdtempSync(join(tmpdir(), "compare-"))
  const file = join(folder, "tokens.json")
  try {
    await new SdkHost(fileShelf(file)).connect(mcpServer.url)
    const workers = await Promise.all(
      Array.from({ length: processes }, () => startWorker(mcpServer.url, file))
    )
    mcpServer.rejectSeenTokens()
    for (const { call } of workers) call()
    const ends = await Promise.all(workers.map(({ ended }) => ended))
    return processesSeen(authorizationServer, {
      done: ends.filter(({ done }) => done).length,
      opened: ends.reduce((sum, { opened }) => sum + opened, 0)
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Every row of the table. */
export const scenarios: ReadonlyArray<Scenario> = [
  { name: "10 parallel calls, token ended, refresh token good once", ...onBoth(tenCalls) },
  {
    name: `${processes} processes, token ended, refresh token good once`,
    ours: ourProcesses,
    theirs: withServers(theirProcesses)
  },
  { name: "503 on a refresh", ...onBoth(hiccup) },
  {
    name: "token ended by the clock: is it still sent",
    ...onBoth(endedByTheClock, { accessTokenSeconds: 600 })
  },
  {
    name: "metadata without code_challenge_methods_supported",
    ...onBoth(silentOnPkce, { silentOnPkce: true })
  },
  {
    name: "forged answers of the browser, without `state` and with another",
    ours: withServers(ourState),
    theirs: withServers(theirState)
  },
  { name: "metadata of another issuer", ...onBoth(otherIssuer) },
  { name: "another authorization server, named after a 401", ...onBoth(moved) }
]
