import { scenarios, type Seen } from "./compare/Scenarios.ts"

// `npm run compare`: what the conformance suite cannot see, on our side and with the official SDK's own authorization
// (@modelcontextprotocol/client), in the same run and in front of the same kinds of servers.

const print = (line: string) => process.stdout.write(`${line}\n`)
const verdict = ({ right, said }: Seen) => `${right ? "right" : "WRONG"}: ${said}`

let wrong = 0
for (const { name, ours, theirs } of scenarios) {
  const mine = await ours()
  if (!mine.right) wrong += 1
  print(name)
  print(`  mcp-cli  ${verdict(mine)}`)
  print(`  SDK      ${verdict(await theirs())}`)
}
print("")
print(
  "The SDK's host implements every method that its documentation asks for (bench/compare/SdkHost.ts); it keeps what it"
)
print(
  "is given in memory, and in the last row in a file. A host that makes and compares `state` itself would be right there."
)
process.exit(wrong === 0 ? 0 : 1)
