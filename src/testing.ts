/**
 * For tests: the stack in memory ({@link Testing}), and the scripted servers and user that it is built from. For authors
 * of stores: the contracts that a store and its lock fulfil.
 */
export * as MemoryClientRegistrations from "./adapters/store/memory/MemoryClientRegistrations.ts"
export * as MemoryLock from "./adapters/lock/MemoryLock.ts"
export * as MemoryStore from "./adapters/store/memory/MemoryStore.ts"
export * as ScriptedAuthorizationServer from "./adapters/scripted/ScriptedAuthorizationServer.ts"
export * as ScriptedChatModel from "./adapters/scripted/ScriptedChatModel.ts"
export * as ScriptedMcpServer from "./adapters/scripted/ScriptedMcpServer.ts"
export * as ScriptedUser from "./adapters/scripted/ScriptedUser.ts"
export * as Testing from "./live/Testing.ts"
export { type ContractCase, ContractViolation, exampleCredential } from "./testing/Contract.ts"
export { credentialLockContract } from "./testing/CredentialLockContract.ts"
export { credentialStoreContract } from "./testing/CredentialStoreContract.ts"
