import { Layer } from "effect"
import * as ConfigurationEditor from "../adapters/config/ConfigurationEditor.ts"
import type { Options } from "../adapters/config/ConfigurationFile.ts"
import * as FileEditor from "../adapters/edit/FileEditor.ts"
import { approvals } from "./StorageLive.ts"

/** What edits the configuration file. */
export const layer = (options: Options) =>
  ConfigurationEditor.layer(options).pipe(Layer.provide([FileEditor.layer, approvals]))
