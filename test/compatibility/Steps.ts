import type { RealServer } from "../servers/RealServer.ts"
import type { Client } from "./Clients.ts"

/** What a program did at one step. Less is worse. */
export interface Result {
  readonly text: string
  readonly score: number
}

/** The steps of each row, in the order in which they run: each begins with what the one before left. */
export const stepNames = [
  "sign-in by URL, and a call",
  "token expired",
  "ten processes, token expired",
  "server lost its memory",
  "sign-out"
] as const

const failed = (error: Error): Result => ({ text: `fails: ${words(error)}`, score: 0 })

const words = (error: Error) => error.message.replaceAll(/[|\s]+/g, " ").slice(0, 160)

const one = async (client: Client, hoursLater?: number): Promise<"answered" | Error> =>
  (await client.call(1, hoursLater))[0] ?? new Error("no answer")

const signIn = async (client: Client): Promise<Result> => {
  await client.signIn()
  const answer = await one(client)
  return answer === "answered" ? { text: "works", score: 1 } : failed(answer)
}

const expire = async (server: RealServer, client: Client): Promise<Result> => {
  const before = client.browsers()
  await server.expire()
  const answer = await one(client, 1)
  if (answer !== "answered") return failed(answer)
  return client.browsers() === before
    ? { text: "refreshed", score: 2 }
    : { text: "new sign-in in the browser", score: 1 }
}

const expireForTen = async (server: RealServer, client: Client): Promise<Result> => {
  const [browsers, refreshes] = [client.browsers(), await server.count("/token", "refresh_token")]
  await server.expire()
  const ended = await client.call(10, 2)
  const answered = ended.filter((how) => how === "answered").length
  const refreshed = (await server.count("/token", "refresh_token")) - refreshes
  const signIns = client.browsers() - browsers
  const failure = ended.find((how) => how !== "answered")
  return {
    text: `${answered} of 10 answers, ${refreshed} refresh${refreshed === 1 ? "" : "es"}, ${signIns} sign-in${signIns === 1 ? "" : "s"}${failure === undefined ? "" : ` (${words(failure)})`}`,
    score: answered * 10_000 - signIns * 100 - refreshed
  }
}

const forget = async (server: RealServer, client: Client): Promise<Result> => {
  await server.forget()
  await client.signIn()
  const answer = await one(client, 2)
  return answer === "answered" ? { text: "signs in again", score: 1 } : failed(answer)
}

const signOut = async (server: RealServer, client: Client): Promise<Result> => {
  if (client.signOut === undefined) return { text: "no such command", score: 0 }
  const before = await server.count("/revoke")
  await client.signOut()
  return (await server.count("/revoke")) > before
    ? { text: "revoked", score: 2 }
    : { text: "forgotten here only", score: 1 }
}

/** Runs every step with one program. A step that fails ends none of the others. */
export const runSteps = async (server: RealServer, client: Client): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  for (const step of [
    () => signIn(client),
    () => expire(server, client),
    () => expireForTen(server, client),
    () => forget(server, client),
    () => signOut(server, client)
  ]) {
    results.push(
      await step().catch((error: unknown) =>
        failed(error instanceof Error ? error : new Error(String(error)))
      )
    )
  }
  return results
}
