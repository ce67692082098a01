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
import { followRedirects } from "../../test/servers/Person.ts"
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
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`
const worked = async (calls: ReadonlyArray<Promise<unknown>>): Promise<number> =>
  (await Promise.allSettled(calls)).filter(({ status }) => status === "fulfilled").length

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

/** Ten calls at once with a token that has ended, and a refresh token that is good once. */
const tenCalls = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  const client = await host.connect(mcpServer.url)
  await client.listTools()
  mcpServer.rejectSeenTokens()
  const before = { refreshes: refreshesOf(authorizationServer), opened: host.opened.length }
  const done = await worked(Array.from({ length: 10 }, () => client.listTools()))
  const refreshes = refreshesOf(authorizationServer) - before.refreshes
  const opened = host.opened.length - before.opened
  const revoked = authorizationServer.revokedGrants()
  return {
    said: `${plural(refreshes, "refresh request")}, ${revoked === 0 ? "nothing revoked" : "sign-in revoked"}, browser opened ${plural(opened, "time")}, ${done} of 10 calls worked`,
    right: refreshes === 1 && revoked === 0 && opened === 0 && done === 10
  }
}

/** The authorization server answers one refresh with 503. */
const hiccup = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  const client = await host.connect(mcpServer.url)
  await client.listTools()
  mcpServer.rejectSeenTokens()
  const before = host.opened.length
  authorizationServer.failNext({ kind: "status", status: 503 })
  const done = await worked([client.listTools()])
  const opened = host.opened.length - before
  return {
    said: `browser opened ${plural(opened, "time")}, the call ${done === 1 ? "worked" : "failed"}`,
    right: opened === 0 && done === 1
  }
}

/** Metadata that does not announce PKCE: the specification has clients refuse (2025-11-25, 2026-07-28). */
const silentOnPkce = async ({ authorizationServer, mcpServer }: Servers, host: Host): Promise<Seen> => {
  await worked([host.connect(mcpServer.url)])
  const sent = authorizationServer.authorizations.length
  return {
    said: sent === 0 ? "refused before the browser" : "went to the authorization endpoint",
    right: sent === 0
  }
}

const foreignState = (back: URL): URL => {
  const answer = new URL(back)
  answer.searchParams.set("state", "another flow's")
  return answer
}

const stateSeen = (address: URL | undefined, authorizationServer: AuthorizationServer): Seen => {
  const sent = address?.searchParams.has("state") === true
  const codes = authorizationServer.counts.get("token:authorization_code") ?? 0
  return {
    said: `state ${sent ? "sent" : "not sent"}; an answer with another flow's state was ${codes === 0 ? "refused" : "exchanged for tokens"}`,
    right: sent && codes === 0
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
  { authorizationServer }: Pick<Servers, "authorizationServer">,
  { done, opened }: { readonly done: number; readonly opened: number }
): Seen => {
  const refreshes = refreshesOf(authorizationServer)
  const revoked = authorizationServer.revokedGrants()
  return {
    said: `${plural(refreshes, "refresh request")}, ${revoked === 0 ? "nothing revoked" : "sign-in revoked"}, browser opened ${plural(opened, "time")}, ${done} of ${processes} worked`,
    right: refreshes === 1 && revoked === 0 && opened === 0 && done === processes
  }
}

/** Every row of the table. */
export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "10 parallel calls, token ended, refresh token good once",
    ours: withServers(withOurs(tenCalls)),
    theirs: withServers(withTheirs(tenCalls))
  },
  {
    name: "503 on a refresh",
    ours: withServers(withOurs(hiccup)),
    theirs: withServers(withTheirs(hiccup))
  },
  {
    name: "metadata without code_challenge_methods_supported",
    ours: withServers(withOurs(silentOnPkce), { silentOnPkce: true }),
    theirs: withServers(withTheirs(silentOnPkce), { silentOnPkce: true })
  },
  {
    name: "an answer of the browser with another state",
    ours: withServers(async ({ authorizationServer, mcpServer }) => {
      const host = new OurHost({ comeback: foreignState, patience: "3 seconds" })
      try {
        await worked([host.connect(mcpServer.url)])
        return stateSeen(host.opened[0], authorizationServer)
      } finally {
        await host.close()
      }
    }),
    theirs: withServers(async ({ authorizationServer, mcpServer }) => {
      const host = new (class extends SdkHost {
        override redirectToAuthorization(url: URL): void {
          this.opened.push(url)
          throw new Error("the browser opens")
        }
      })(memoryShelf())
      await worked([host.connect(mcpServer.url)])
      const [address] = host.opened
      if (address !== undefined) {
        const { url } = await followRedirects(address.href, host.redirectUrl)
        await worked([host.finish(mcpServer.url, foreignState(new URL(url)).searchParams)])
      }
      return stateSeen(address, authorizationServer)
    })
  },
  {
    name: `${processes} processes, token ended, refresh token good once`,
    ours: async () => {
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
        return processesSeen(world, {
          done: ends.filter(({ stdout }) => stdout !== "").length,
          opened: world.browsersOpened() - before
        })
      } finally {
        await world.close()
      }
    },
    theirs: withServers(async (servers) => {
      const folder = mkdtempSync(join(tmpdir(), "compare-"))
      const file = join(folder, "tokens.json")
      try {
        await new SdkHost(fileShelf(file)).connect(servers.mcpServer.url)
        const workers = await Promise.all(
          Array.from({ length: processes }, () => startWorker(servers.mcpServer.url, file))
        )
        servers.mcpServer.rejectSeenTokens()
        for (const { call } of workers) call()
        const ends = await Promise.all(workers.map(({ ended }) => ended))
        return processesSeen(servers, {
          done: ends.filter(({ done }) => done).length,
          opened: ends.reduce((sum, { opened }) => sum + opened, 0)
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }
]
