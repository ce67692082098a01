import { Predicate } from "effect"
import type { ByteParts } from "../../domain/ByteParts.ts"
import { jsonOf, membersOf, objectOf, parsedAt, valueAt, withMembers } from "../../domain/JsonMembers.ts"
import type { JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import { metaKeys, modernRevision, olderRevisions, requestOf, responseOf } from "./ModernRevision.ts"

/** A client of an older revision: what it said in `initialize`. */
export interface OlderClient {
  /** The revision that it speaks. */
  readonly revision: string
  /** Its name and version, as JSON. */
  readonly info: ByteParts | undefined
  /** Its capabilities as revision 2026-07-28 has them, as JSON. */
  readonly capabilities: ByteParts
}

/** @param initialize its first request */
export const olderClientOf = (initialize: JsonRpcMessage): OlderClient => {
  const params = initialize.raw("params")
  const requested = parsedAt(params, "protocolVersion")
  const declared = valueAt(params, "capabilities")
  return {
    revision: olderRevisions.find((revision) => revision === requested) ?? olderRevisions[0],
    info: valueAt(params, "clientInfo"),
    capabilities: withMembers(declared, {
      // The tasks of 2025-11-25 are an extension now, with other methods. A change of roots is not announced any more.
      tasks: undefined,
      ...(valueAt(declared, "roots") === undefined ? {} : { roots: objectOf([]) })
    })
  }
}

/** A message with what revision 2026-07-28 adds to each. */
export const stamped = (
  message: JsonRpcMessage,
  client: OlderClient,
  logLevel?: string | undefined
): JsonRpcMessage => {
  const params = message.raw("params")
  const members = params === undefined ? [] : membersOf(params)
  if (members === undefined) return message
  const meta = withMembers(members.findLast(({ name }) => name === "_meta")?.value, {
    [metaKeys.version]: jsonOf(modernRevision),
    [metaKeys.clientInfo]: client.info,
    [metaKeys.capabilities]: client.capabilities,
    ...(logLevel === undefined ? {} : { [metaKeys.logLevel]: jsonOf(logLevel) })
  })
  const others = members.filter(({ name }) => name !== "_meta")
  return message.withParams(objectOf([...others, { name: "_meta", value: meta }]))
}

/** Makes the request for what a server of revision 2026-07-28 is. */
export const discoverRequest = (id: string, client: OlderClient): JsonRpcMessage =>
  stamped(requestOf(id, "server/discover", objectOf([])), client)

/** The result of `server/discover`; `undefined` if the server does not speak revision 2026-07-28. */
export const discoveredIn = (answer: JsonRpcMessage | undefined): ByteParts | undefined => {
  const result = answer?.raw("result")
  const versions = parsedAt(result, "supportedVersions")
  const isSpoken = Array.isArray(versions) && versions.includes(modernRevision)
  return isSpoken ? result : undefined
}

/**
 * Answers `initialize` from the result of `server/discover`.
 *
 * @param name the name of the server, if it does not say one
 */
export const initializeResponse = (
  id: string,
  client: OlderClient,
  discovered: ByteParts,
  name: string
): JsonRpcMessage => {
  const info = valueAt(discovered, "_meta", metaKeys.serverInfo)
  const hasName = Predicate.isString(parsedAt(info, "name")) && Predicate.isString(parsedAt(info, "version"))
  const declared = valueAt(discovered, "capabilities")
  const instructions = valueAt(discovered, "instructions")
  return responseOf(
    id,
    objectOf([
      { name: "protocolVersion", value: jsonOf(client.revision) },
      { name: "capabilities", value: withMembers(declared, { tasks: undefined }) },
      { name: "serverInfo", value: hasName && info !== undefined ? info : jsonOf({ name, version: "0" }) },
      ...(instructions === undefined ? [] : [{ name: "instructions", value: instructions }])
    ])
  )
}
