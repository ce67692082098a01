import type { Config, Effect } from "effect"
import { type FieldPath, renderFieldPath } from "../../domain/FieldPath.ts"
import { ConfigurationIssue } from "../../ports/Configuration.ts"

/** What the strings of a configuration are filled in from. */
export interface Environment {
  readonly variable: (name: string) => Effect.Effect<string | undefined, Config.ConfigError>
  /** The folder that `~` stands for. */
  readonly home: Effect.Effect<string>
  /** The file was found in the working directory. Vault credentials that it does not name are not sent to its addresses. */
  readonly wasFound: boolean
  /** The reader of the configuration has no token storage, so that nothing may refer to a secret in it. */
  readonly withoutSecrets?: true
}

/**
 * How the environment is used while a configuration is read. `deferred`: the configuration is only checked, and strings
 * with variables are skipped. `refused`: variables and files are errors, because the author of the JSON is not trusted.
 */
export type Access = Environment | "deferred" | "refused"

/** What a user interface can offer beside the problem of an issue. */
export type IssueDetails = Partial<Pick<ConfigurationIssue, "variable" | "allowed" | "rename" | "isSecret">>

/** Collects what is wrong in a configuration while it is read, so that every error is reported at once. */
export class Findings {
  readonly issues: Array<ConfigurationIssue> = []
  readonly warnings: Array<ConfigurationIssue> = []
  /** Paths of the secrets that the file contains in plain text. */
  readonly plainSecrets: Array<FieldPath> = []
  readonly access: Access

  constructor(access: Access) {
    this.access = access
  }

  error(path: FieldPath, problem: string, details?: IssueDetails): undefined {
    this.issues.push(new ConfigurationIssue({ path, problem, ...details }))
    return undefined
  }

  warn(path: FieldPath, problem: string, details?: IssueDetails): undefined {
    this.warnings.push(new ConfigurationIssue({ path, problem, ...details }))
    return undefined
  }

  /** True if an error at this path was found before. */
  hasErrorAt(path: FieldPath): boolean {
    const location = renderFieldPath(path)
    return this.issues.some((issue) => issue.location === location)
  }
}
