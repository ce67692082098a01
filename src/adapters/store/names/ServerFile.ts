import { createHash } from "node:crypto"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import type { ConfiguredServer } from "../../../domain/ConfiguredServer.ts"

/** Tells whether a name means the server that is remembered. It is a hash, because a URL may hold a secret. */
const placeOf = (server: ConfiguredServer): string =>
  createHash("sha256")
    .update(server._tag === "Http" ? server.url.href : JSON.stringify([server.command, server.args]))
    .digest("hex")
    .slice(0, 16)

/** The name of the file for what is remembered of a server at its current place. */
export const serverFile = (server: ConfiguredServer, kind: string): string =>
  `${CredentialKey.of(server.name).storageName}.${placeOf(server)}.${kind}.json`
