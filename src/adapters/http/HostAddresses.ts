import { lookup } from "node:dns/promises"
import { Context, Effect } from "effect"

/** Finds every address of a host name; none where it has none, or where nobody could be asked within 5 seconds. */
export type FindAddresses = (hostname: string) => Effect.Effect<ReadonlyArray<string>>

/** What connections are made by: the system's own resolver, its hosts file included. */
const bySystem: FindAddresses = Effect.fn("HostAddresses.find")((hostname) =>
  Effect.tryPromise(() => lookup(hostname, { all: true })).pipe(
    Effect.map((answers) => answers.map(({ address }) => address)),
    Effect.timeout("5 seconds"),
    // Who cannot be found here may be found by a proxy; else the request says what is wrong with the name.
    Effect.orElseSucceed(() => [])
  )
)

/** How names of hosts are looked up; tests put answers of their own here. */
export const HostAddresses = Context.Reference<FindAddresses>("mcp-cli-oauth/adapters/http/HostAddresses", {
  defaultValue: () => bySystem
})
