import { readFileSync } from "node:fs"
import { rm, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { installed, output, packed } from "./Packed.ts"

// Proves the peer range of `effect`: the package as it is published type-checks and runs with the lowest and the highest version
// of it that npm has.

const { peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly peerDependencies: { readonly effect: string }
}
const matching = JSON.parse(
  await output("npm", ["view", `effect@${peerDependencies.effect}`, "version", "--json"])
) as string | ReadonlyArray<string>
const versions = [matching].flat()
const lowest = versions[0] ?? ""
const highest = versions.at(-1) ?? ""

const program = `
import { Console, Effect } from "effect"
import * as Core from "mcp-cli-oauth"
import * as Fetch from "mcp-cli-oauth/fetch"
import * as Http from "mcp-cli-oauth/http"
import * as Mcp from "mcp-cli-oauth/mcp"
import * as Node from "mcp-cli-oauth/node"
import { Testing } from "mcp-cli-oauth/testing"
import * as Web from "mcp-cli-oauth/web"

const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })
const program = Effect.gen(function* () {
  const fetch = yield* Http.authorizedFetch(Testing.server)
  const { status } = yield* Effect.promise(() => fetch(Testing.server.url, { method: "POST", body }))
  yield* Console.log(status, [Core, Fetch, Mcp, Node, Web].every((entry) => Object.keys(entry).length > 0))
}).pipe(Effect.provide(Testing.layer({ signedIn: true })))
await Effect.runPromise(program)
await using fetch = await Fetch.createAuthorizedFetch({ url: "https://mcp.test/mcp", store: "memory" })
`

const tarball = await packed()
for (const version of new Set([lowest, highest])) {
  const folder = await installed({ "mcp-cli-oauth": `file:${tarball}`, effect: version })
  await writeFile(join(folder, "main.ts"), program)
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "es2024",
        lib: ["es2024", "dom", "dom.iterable", "esnext.disposable"],
        module: "nodenext",
        types: ["node"],
        typeRoots: [resolve("node_modules/@types")],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true
      },
      include: ["main.ts"]
    })
  )
  const copies = (await output("npm", ["ls", "effect", "--all", "--parseable"], folder)).trim().split("\n")
  if (copies.length !== 1) throw new Error(`there are ${copies.length} copies of effect`)
  await output(process.execPath, [resolve("node_modules/typescript/bin/tsc"), "-p", folder])
  const printed = await output(process.execPath, ["main.ts"], folder)
  if (printed !== "200 true\n") throw new Error(`effect ${version}: the program printed ${printed}`)
  process.stdout.write(`effect ${version}: ok\n`)
  await rm(folder, { recursive: true, force: true })
}
await rm(dirname(tarball), { recursive: true })
