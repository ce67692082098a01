import { readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path/posix"
import { assert, describe, it } from "@effect/vitest"
import { build } from "rolldown"
import { parseAst } from "rolldown/parseAst"
import { entryPoints } from "./PackageEntries.ts"

type Statement = ReturnType<typeof parseAst>["body"][number]

const nameOf = (node: { readonly type: string; readonly name?: string; readonly value?: unknown }) =>
  String(node.name ?? node.value)

const declared = (statement: Statement): ReadonlyArray<string> => {
  if (statement.type !== "ExportNamedDeclaration" || statement.declaration === null) return []
  const { declaration } = statement
  if (declaration.type === "VariableDeclaration") {
    return declaration.declarations.map(({ id }) => (id.type === "Identifier" ? id.name : ""))
  }
  return "id" in declaration && declaration.id !== null ? [nameOf(declaration.id)] : []
}

/** What each exported name of a file stands for, types included: the file that declares it, and its name there. */
const namesOf = (file: string): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  for (const statement of parseAst(readFileSync(file, "utf8"), { lang: "ts" }).body) {
    for (const name of declared(statement)) names.set(name, `${file} ${name}`)
    if (statement.type !== "ExportAllDeclaration" && statement.type !== "ExportNamedDeclaration") continue
    const from = statement.source === null ? file : normalize(join(dirname(file), statement.source.value))
    if (statement.type === "ExportAllDeclaration") {
      if (statement.exported !== null) names.set(nameOf(statement.exported), `${from} *`)
      else for (const [name, meaning] of namesOf(from)) names.set(name, meaning)
      continue
    }
    for (const { exported, local } of statement.specifiers) {
      const meaning = from === file ? undefined : namesOf(from).get(nameOf(local))
      names.set(nameOf(exported), meaning ?? `${from} ${nameOf(local)}`)
    }
  }
  return names
}

describe("the entry points", () => {
  it("give a name one meaning, in whichever of them it is", () => {
    const meanings = new Map<string, Set<string>>()
    for (const source of entryPoints.values()) {
      for (const [name, meaning] of namesOf(source)) {
        meanings.set(name, (meanings.get(name) ?? new Set()).add(meaning))
      }
    }
    assert.isAbove(meanings.size, 150)
    assert.deepEqual(
      [...meanings].filter(([, found]) => found.size > 1),
      []
    )
  })

  it("are built", () => {
    const { include } = JSON.parse(readFileSync("tsconfig.build.json", "utf8")) as {
      readonly include: ReadonlyArray<string>
    }
    assert.includeMembers([...include], [...entryPoints.values()])
  })

  it("export what the sources say", async () => {
    for (const source of entryPoints.values()) {
      const exported = Object.keys((await import(join("../..", source))) as object)
      const names = namesOf(source)
      assert.isAbove(exported.length, 0)
      assert.deepEqual(
        exported.filter((name) => !names.has(name)),
        []
      )
    }
  })

  it.each([...entryPoints.keys()])(
    "of which %s is a library: nothing in its graph loads the command line",
    async (name) => {
      const { output } = await build({
        input: entryPoints.get(name) ?? "",
        external: (id) => !/^[./]/.test(id),
        platform: "node",
        write: false,
        logLevel: "silent"
      })
      const imports = output.flatMap((chunk) =>
        chunk.type === "chunk" ? [...chunk.imports, ...chunk.dynamicImports] : []
      )
      assert.include(imports, "effect")
      assert.notInclude(imports, "effect/cli")
    }
  )

  it.each([".", "./web", "./http"])(
    "of which %s needs no Node: nothing in its graph imports a module of Node",
    async (name) => {
      const { output } = await build({
        input: entryPoints.get(name) ?? "",
        external: [/^effect(\/|$)/, "oauth4webapi"],
        platform: "browser",
        write: false,
        logLevel: "silent"
      })
      const imports = output.flatMap((chunk) =>
        chunk.type === "chunk" ? [...chunk.imports, ...chunk.dynamicImports] : []
      )
      const ours = new Set(output.map(({ fileName }) => fileName))
      const others = imports.filter((specifier) => !ours.has(specifier))
      assert.isAbove(others.length, 0)
      assert.deepEqual(
        others.filter(
          (specifier) => specifier !== "effect" && !/^(effect\/(?!platform)|oauth4webapi$)/.test(specifier)
        ),
        []
      )
    }
  )
})
