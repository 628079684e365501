/** Who runs this process, as the user database says; in a container that runs under any uid it may say nothing. */
import { userInfo, type UserInfo } from 'node:os'

/** Undefined: there is no such user. */
export function userOf(): UserInfo<string> | undefined {
  try {
    return userInfo()
  } catch {
    return undefined
  }
}
