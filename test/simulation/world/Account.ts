import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { defaultOAuth, type RemoteServer, resourceOf } from "../../../src/domain/Server.ts"
import type { Scenario } from "../Scenario.ts"
import type { AuthorizationServer } from "./AuthorizationServer.ts"

/** An MCP server, with the place of its credential. */
export interface Account {
  readonly server: RemoteServer
  readonly key: CredentialKey
  /** {@link accountAt} of its resource: the storage name, unless the configuration gives several servers one name. */
  readonly name: string
  readonly resource: string
  readonly authorizationServer: AuthorizationServer
}

/** The configured client. A keyring has to split its record into several entries. */
export const clientIdOf = ({ store }: Scenario): string =>
  store === "keyring" ? `sim-${"x".repeat(3000)}` : "sim"

/** The name of the account that a resource belongs to. */
export const accountAt = (resource: string): string => new URL(resource).hostname.split(".")[0]!

/** The account at the MCP server of a number. */
export const accountOf = (
  scenario: Scenario,
  number: number,
  authorizationServer: AuthorizationServer
): Account => {
  const host = `s${number}`
  const name = scenario.isOneName ? "s1" : host
  const client = { clientId: clientIdOf(scenario), clientSecret: undefined }
  const server: RemoteServer = {
    _tag: "Http",
    name,
    url: new URL(`https://${host}.test/mcp`),
    headers: {},
    transport: "auto",
    oauth: {
      ...defaultOAuth,
      source: { _tag: "Discovered", client: scenario.isDynamic ? undefined : client }
    }
  }
  return {
    server,
    key: CredentialKey.at(server),
    name: host,
    resource: resourceOf(server),
    authorizationServer
  }
}
