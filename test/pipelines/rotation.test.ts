/**
 * Real processes, the real logrotate(8): each recipe of flume-tail(1), rotated files on another file system, and copies under
 * any name × flume-tail running, stopped, or killed -9 in the middle of reading × two rotations. Lines and stack traces: each
 * is in the queue exactly once. Then file systems that are mounted again under a running one and while it is down.
 */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import t, { type Test } from 'tap'
import { RECIPES, rotator, whyNoLogrotate as skip, wordsOf } from '../support/logrotate.js'
import { STATES } from '../support/rotation-case.js'
import { RotationLine } from '../support/rotation-line.js'
import { each } from '../support/shell.js'

/** On another device than the directories of the tests, where there is one. */
const elsewhere = fs.mkdtempSync(fs.existsSync('/dev/shm') ? '/dev/shm/flume-' : `${tmpdir()}/flume-`)
t.teardown(() => fs.rmSync(elsewhere, { recursive: true }))

interface Kind {
  readonly name: string
  /** Returns what rotates. */
  readonly rotating: (directory: string, olddir: string) => () => void
  readonly olddir?: true
}

const moved = ['renamecopy', 'copytruncate', 'renamecopy\n    compress'].map((words): Kind => ({
  name: `${words.replace(/\s+/, ', ')} onto another file system`,
  rotating: (directory, olddir) => rotator(directory, `/var/log/app/app.log {\n    rotate 14\n    olddir ${olddir}\n    ${words}\n}`, olddir),
  olddir: true,
}))
/** Once: such a copy is found by its content, if that was read in part. */
const copied: Kind = {
  name: 'copied under any name, and truncated',
  rotating: (directory) => () => {
    if (fs.existsSync(`${directory}/kept`)) return
    fs.copyFileSync(`${directory}/app.log`, `${directory}/kept`)
    fs.truncateSync(`${directory}/app.log`)
  },
}
const KINDS: readonly Kind[] = [...RECIPES.map((recipe) => ({ name: wordsOf(recipe), rotating: (directory: string) => rotator(directory, recipe) })), ...moved, copied]

/** Lines where it runs or is stopped, events of several lines where it is killed in the middle of them. */
async function rotateTwice(t: Test, { name, rotating, olddir }: Kind, root: string): Promise<void> {
  for (const state of STATES) {
    const directory = fs.mkdtempSync(`${root}/`)
    const there = `${elsewhere}/${directory.replaceAll('/', '_')}`
    fs.mkdirSync(there, { mode: 0o755 })
    const several = state === 'killed'
    const words = `--poll 100ms ${several ? "--multiline-start '^line ' " : ''}${olddir ? `--olddir ${there} ` : ''}app.log`
    const line = new RotationLine(t, directory, state, rotating(directory, there), words, several ? 2 : 0)
    // what was truncated twice between two looks has the same inode and leaves no trace of the time in between
    const apart = several || (state === 'running' && name.includes('copytruncate'))
    t.strictSame(await line.run(apart), line.expected, `${name}: ${state}`)
  }
}

t.test('each event is in the queue once', { skip, timeout: 500_000 }, async (t) => {
  const root = t.testdir({})
  await each(KINDS, 3, (kind) => rotateTwice(t, kind, root))
})
