import { scenarios, type Seen } from "./compare/Scenarios.ts"
import { tableRow } from "./compare/Table.ts"

// `npm run compare`: what the conformance suite cannot see, on our side and with the official SDK's own authorization
// (@modelcontextprotocol/client), in the same run and in front of the same kinds of servers. Ends with 1 where we are
// wrong.

const widths = [33, 37, 37]
const print = (line: string) => process.stdout.write(`${line}\n`)
const verdict = ({ right, said }: Seen) => `${right ? "right" : "WRONG"}: ${said}`
const rule = widths.map((width) => "-".repeat(width)).join("  ")

let wrong = 0
print(tableRow(["", "mcp-cli", "@modelcontextprotocol/client"], widths))
for (const { name, ours, theirs } of scenarios) {
  const mine = await ours()
  if (!mine.right) wrong += 1
  print(rule)
  print(tableRow([name, verdict(mine), verdict(await theirs())], widths))
}
print(rule)
print(`
The SDK's host (bench/compare/SdkHost.ts) implements what the SDK's types ask for, invalidateCredentials and
discoveryState among it, and keeps it in memory or, for several processes, in a file that it replaces as a whole.
It signs in where a connection asks for it, and forgets what was discovered where that still ends with 401. A
browser that the SDK opens for a call under way is counted; the host does not go through with that sign-in.
The SDK leaves it to the host to make \`state\` and to compare it: a host that does both is right in that row.`)
process.exit(wrong === 0 ? 0 : 1)
