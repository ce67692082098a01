import { Effect, Equal } from "effect"
import { advice } from "../../../domain/Remedy.ts"
import {
  type ClientScope,
  type ClientServer,
  entryOf,
  type Launch,
  launchFields,
  launchOf,
  type McpClient,
  type ServerPlace
} from "../../../domain/McpClient.ts"
import { type ClientFile, ClientFiles } from "../../../ports/ClientFiles.ts"
import { FileEditError, type TextEdit } from "../../../ports/FileEditor.ts"
import type { Line } from "../Line.ts"
import { UsageError } from "../UsageError.ts"
import { isPresent, ownServerOf, placesIn, serversOf } from "./ClientPlaces.ts"
import { additionOf, changeOf, removalOf } from "./EntryEdits.ts"
import { lineDiff } from "./LineDiff.ts"

/** What `install` does to an entry. */
export type Installation = "installed" | "updated" | "replaced" | "unchanged"
/** What `uninstall` does to the entries of a server. */
export type Removal = "removed" | "absent"

/** What the flags of a command say about all of its edits. */
export interface EditOptions {
  readonly scope: ClientScope
  /** Replaces an entry of another program, and writes the file of a client that is not on this machine. */
  readonly force: boolean
  readonly followsLinks: boolean
}

/** An edit of the file of a client, before the user agrees to it. */
export interface PlannedEdit<Result extends Installation | Removal> {
  readonly client: McpClient
  readonly place: ServerPlace
  readonly result: Result
  /** The names of the entries. */
  readonly names: ReadonlyArray<string>
  readonly diff: ReadonlyArray<Line>
  readonly followsLinks: boolean
  readonly decide: Decide<Result>
}

/** What to do with a file, by what is in it. */
type Decide<Result> = (
  file: ClientFile | undefined
) => Effect.Effect<Decision<Result>, FileEditError | UsageError>

interface Decision<Result> {
  readonly result: Result
  readonly names: ReadonlyArray<string>
  readonly edits: ReadonlyArray<TextEdit>
}

const nothing = { names: [], edits: [] } as const

/** Installs an entry: adds it, or changes what one of this program starts. */
const installation =
  (
    client: McpClient,
    place: ServerPlace,
    name: string,
    launch: Launch,
    { force, scope }: EditOptions
  ): Decide<Installation> =>
  (file) =>
    Effect.gen(function* () {
      const servers = yield* serversOf(place, file)
      const existing = servers.find((server) => server.name === name)
      const entry = entryOf(client, name, launch, scope)
      if (existing === undefined) {
        return { result: "installed", names: [name], edits: additionOf(place, file?.document, name, entry) }
      }
      if (ownServerOf(client, existing) === name) {
        // Fields that the user has added stay.
        return Equal.equals(launchOf(client, existing.entry), launch)
          ? { result: "unchanged", ...nothing }
          : {
              result: "updated",
              names: [name],
              edits: changeOf(place, name, launchFields(client.program, launch))
            }
      }
      if (force)
        return { result: "replaced", names: [name], edits: [{ path: [...place.path, name], value: entry }] }
      return yield* new UsageError({
        problem: `${client.title} has another server "${name}" in ${place.file}.`,
        remedies: [advice("To replace it, add --force.")]
      })
    })

/** Removes the entries that this program wrote for a server, under whatever name they are now. */
const removal =
  (client: McpClient, place: ServerPlace, name: string): Decide<Removal> =>
  (file) =>
    Effect.map(serversOf(place, file), (servers) => {
      const own = servers.filter((server: ClientServer) => ownServerOf(client, server) === name)
      const names = own.map((server) => server.name)
      return names.length === 0
        ? { result: "absent", ...nothing }
        : { result: "removed", names, edits: names.flatMap((each) => removalOf(place, each)) }
    })

/** The text of a file after an edit. */
const textAfter = Effect.fnUntraced(function* (
  place: ServerPlace,
  file: ClientFile | undefined,
  { edits }: Pick<Decision<never>, "edits">
) {
  const before = file?.text ?? ""
  if (edits.length === 0) return before
  const files = yield* ClientFiles
  return yield* files.edited(place, before, edits)
})

const checkLink = Effect.fnUntraced(function* (place: ServerPlace, { followsLinks }: EditOptions) {
  const link = followsLinks ? undefined : yield* ClientFiles.use(({ linkOf }) => linkOf(place))
  if (link === undefined) return
  return yield* new FileEditError({
    file: place.file,
    problem: `is behind a symbolic link, ${link.path}, to ${link.target}`,
    remedies: [advice("To write to the file that it leads to, add --follow-links.")]
  })
})

const plan = Effect.fnUntraced(function* <Result extends Installation | Removal>(
  client: McpClient,
  place: ServerPlace,
  decide: Decide<Result>,
  options: EditOptions
) {
  const files = yield* ClientFiles
  const file = yield* files.read(place)
  const decision = yield* decide(file)
  const { names, result } = decision
  // What is not changed may be a link.
  if (decision.edits.length > 0) yield* checkLink(place, options)
  const after = yield* textAfter(place, file, decision)
  const diff =
    decision.edits.length === 0
      ? []
      : lineDiff({ path: place.file, isNew: file === undefined }, file?.text ?? "", after)
  const { followsLinks } = options
  return { client, place, result, names, diff, decide, followsLinks } satisfies PlannedEdit<Result>
})

/** The place that has an entry already, else the first. */
const holderOf = Effect.fnUntraced(function* (places: ReadonlyArray<ServerPlace>, name: string) {
  const files = yield* ClientFiles
  if (places.length < 2) return places[0]
  for (const place of places) {
    const servers = yield* serversOf(place, yield* files.read(place))
    if (servers.some((server) => server.name === name)) return place
  }
  return places[0]
})

/** Plans the entry of a server in a client. */
export const planInstall = Effect.fnUntraced(function* (
  client: McpClient,
  name: string,
  launch: Launch,
  options: EditOptions
) {
  const places = yield* placesIn(client, options.scope)
  const place = yield* holderOf(places, name)
  if (place === undefined) {
    return yield* new UsageError({
      problem: `${client.title} reads no file of a project.`,
      remedies: [advice("Leave out --project.")]
    })
  }
  if (options.scope === "user" && !options.force && !(yield* isPresent(client))) {
    return yield* new UsageError({
      problem: `${client.title} is not on this machine: it has no ${place.file}, nor its folder.`,
      remedies: [advice("Start it once, or add --force to write the file now.")]
    })
  }
  return yield* plan(client, place, installation(client, place, name, launch, options), options)
})

/** Plans the removal of a server from every file of a client in a scope. A client of other scopes only has none. */
export const planUninstall = Effect.fnUntraced(function* (
  client: McpClient,
  name: string,
  options: EditOptions
) {
  const places = yield* placesIn(client, options.scope)
  return yield* Effect.forEach(places, (place) => plan(client, place, removal(client, place, name), options))
})

/** Carries out a planned edit, in the file as it is now. Fails if that is no longer the edit that was planned. */
export const carryOut = Effect.fnUntraced(function* <Result extends Installation | Removal>({
  decide,
  followsLinks,
  names,
  place,
  result
}: PlannedEdit<Result>) {
  const files = yield* ClientFiles
  const change = Effect.fnUntraced(function* (file: ClientFile | undefined) {
    const decision = yield* decide(file)
    if (decision.result !== result || !Equal.equals(decision.names, names)) {
      return yield* new FileEditError({
        file: place.file,
        problem: "was changed by another program, and is not what was shown any more",
        remedies: [advice("Run the command again.")]
      })
    }
    return yield* Effect.provideService(textAfter(place, file, decision), ClientFiles, files)
  })
  return yield* files.edit(place, change, { followsLinks })
})
