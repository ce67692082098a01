import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { defaultOAuth, type RemoteServer, resourceOf } from "../../../src/domain/Server.ts"
import type { Scenario } from "../Scenario.ts"
import type { AuthorizationServer } from "./AuthorizationServer.ts"

/** An MCP server, with the place of its credential. */
export interface Account {
  readonly server: RemoteServer
  readonly key: CredentialKey
  /** The storage name. */
  readonly name: string
  readonly resource: string
  readonly authorizationServer: AuthorizationServer
}

/** The configured client. A keyring has to split its record into several entries. */
export const clientIdOf = ({ store }: Scenario): string =>
  store === "keyring" ? `sim-${"x".repeat(3000)}` : "sim"

/** The account at the MCP server of a number. */
export const accountOf = (
  scenario: Scenario,
  number: number,
  authorizationServer: AuthorizationServer
): Account => {
  const name = `s${number}`
  const client = { clientId: clientIdOf(scenario), clientSecret: undefined }
  const server: RemoteServer = {
    _tag: "Http",
    name,
    url: new URL(`https://${name}.test/mcp`),
    headers: {},
    transport: "auto",
    oauth: {
      ...defaultOAuth,
      source: { _tag: "Discovered", client: scenario.isDynamic ? undefined : client }
    }
  }
  const key = CredentialKey.of(name)
  return { server, key, name: key.storageName, resource: resourceOf(server), authorizationServer }
}
