/** s of processor, user and system, that this process has taken. */
export function secondsOfProcessor(): number {
  const { user, system } = process.cpuUsage()
  return Math.round((user + system) / 1e5) / 10
}
