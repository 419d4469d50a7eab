// The mod: a band above the prompt with a line for each live run of this session, and answers to our commands that
// cost no model call. It decides nothing: helpers say what is shown, and where one is missing nothing is. Claude Code
// before 2.1.287 passes it over; statusline, commands and monitor work without it.
import { atom, read, update } from 'claude-code'
import type { EngineInterface, ProcessRunResult, Register, Timer } from 'claude-code'
import type { ClodexSpan } from '../types/clodex'

const band = atom({ plugin: 'clodex', key: 'band' } as const, [])
const said = atom({ plugin: 'clodex', key: 'said' } as const, [])

/** How often it is looked: each second while a run lives or may be about to, rarely otherwise. */
const LIVE_MS = 1000
const IDLE_MS = 10_000
const EAGER_LOOKS = 10
const MAX_ROWS = 4
const SAID_ROWS = 8
/** What Claude Code draws before and behind a command's answer. */
const INDENT = 8
const SAID_MS = 20_000
/** How long a helper may take: what is drawn each second answers in milliseconds, a cancel waits for the dead. */
const BAND_PATIENCE_MS = 2000
const ANSWER_PATIENCE_MS = 120_000

/** What the surface told last: the columns of the band, and whether a turn runs. */
let columns = 80
let isWorking = false

let timer: Timer | undefined
let unsaying: Timer | undefined
let eagerLooks = 0
const notInstalled = new Set<string>()

/**
 * One of our helpers with the variables that a hook of ours would have; undefined = it cannot be run. The shim finds it
 * wherever it is; where it is installed, it is called without the shim, which costs more than the helper.
 */
async function helper($: EngineInterface, argv: readonly [name: string, ...words: string[]], room: number, timeoutMs: number): Promise<string | undefined> {
  const [name, ...words] = argv
  try {
    const env: Record<string, string> = { ...(await $.process.hookEnv()), COLUMNS: String(room) }
    const init = { env, timeoutMs }
    if (!notInstalled.has(name)) {
      try {
        return output(await $.process.run([`${env['CLAUDE_PLUGIN_DATA']}/bin/${name}`, ...words], init))
      } catch {
        notInstalled.add(name)
      }
    }
    return output(await $.process.run([`${$.plugin.root}/bin/${name}`, ...words], init))
  } catch {
    return undefined
  }
}

function output(ran: ProcessRunResult): string | undefined {
  return ran.exitCode === 0 ? ran.stdout : undefined
}

/** Our own statusline shows a single run already. */
async function hasStatusline($: EngineInterface): Promise<boolean> {
  const statusline = await $.settings.read({ key: 'statusLine' })
  return JSON.stringify(statusline ?? '').includes('clodex-statusline')
}

function isSpan(span: unknown): span is ClodexSpan {
  return Array.isArray(span) && span.length === 2 && span.every(part => typeof part === 'string' && !/\p{Cc}/u.test(part))
}

/** What a helper told to draw; nothing where that is nothing that can be drawn. */
function drawable(told: string | undefined): ClodexSpan[][] {
  try {
    const lines: unknown = JSON.parse(told ?? '[]')
    return Array.isArray(lines) && lines.every(line => Array.isArray(line) && line.every(isSpan)) ? lines : []
  } catch {
    return []
  }
}

/** Whether anything lives. */
async function look($: EngineInterface): Promise<boolean> {
  const argv = ['clodex-statusline', '--band', String(columns), String(MAX_ROWS)] as const
  const lines = drawable(await helper($, argv, columns, BAND_PATIENCE_MS))
  const shown = lines.length === 1 && (await hasStatusline($)) ? [] : lines
  const before = await read($, band)
  if (before.length > 0 || shown.length > 0) await update($, band, () => shown)
  return lines.length > 0
}

function lookIn($: EngineInterface, ms: number): void {
  timer?.cancel()
  timer = $.clock.after(ms, () => void keepLooking($))
}

async function keepLooking($: EngineInterface): Promise<void> {
  let isLive = false
  try {
    isLive = await look($)
  } finally {
    lookIn($, isLive || eagerLooks-- > 0 ? LIVE_MS : IDLE_MS)
  }
}

/** Words between blanks; quotes and backslashes keep blanks in a word. A quote that is not closed is a letter. */
export function wordsOf(text: string): string[] {
  const words = text.match(/(?:'[^']*'|"[^"]*"|\\[\s\S]|\S)+/g) ?? []
  return words.map(word => word.replace(/'([^']*)'|"([^"]*)"|\\([\s\S])/g, '$1$2$3'))
}

/** What a helper says to a command; words go as they are, no shell reads them. */
async function answer($: EngineInterface, name: string, args: string, room: number): Promise<string | undefined> {
  const told = (await helper($, [name, '--inline', ...wordsOf(args)], room - INDENT, ANSWER_PATIENCE_MS))?.trimEnd()
  // What stands in columns begins below our name, not behind it.
  return told?.includes('\n') ? `\n${told}` : told
}

/** What a command prints is shown when the turn is over; the band shows it until then, for a while. */
async function say($: EngineInterface, text: string): Promise<void> {
  // A worker's report may hold what is refused to be drawn.
  const rows = text.trim().split('\n').slice(0, SAID_ROWS).map(row => row.replace(/\p{Cc}+/gu, ' '))
  await update($, said, () => rows)
  unsaying?.cancel()
  unsaying = $.clock.after(SAID_MS, () => void update($, said, () => []))
}

/** `cancel some-run` → which helper, and its words. */
export function wanted(args: string): { name: string; words: string } {
  const [, verb, words] = /^\s*(status|cancel|result|debug)\b(.*)$/s.exec(args) ?? [undefined, 'status', args]
  return { name: `clodex-${verb}`, words: words ?? '' }
}

const COLOURS: Readonly<Record<string, string>> = { busy: 'cyan', good: 'green', warn: 'yellow', bad: 'red' }

export const register: Register = on => {
  on('session.start', async ($, e, next) => {
    const started = await next(e)
    try {
      await $.command.register({
        name: 'clodex-now',
        description: 'What Codex is doing, at once, also while Claude works (status, cancel, result, debug)',
        argumentHint: '[status|cancel|result|debug] [run]',
        immediate: true,
      })
    } catch (why) {
      // Somebody else's command has the name: ours are there under their own.
      $.ui.log(`clodex-now: ${String(why)}`, { to: 'debug' })
    }
    void keepLooking($)
    return started
  })

  on('ui.render', { component: 'AbovePrompt' }, async ($, e, next) => {
    columns = e.props.bodyColumns
    isWorking = e.props.isWorking
    const lines = await read($, band)
    const words = await read($, said)
    if (lines.length + words.length === 0 || e.props.hasSurvey) return next(e)
    const { Box, Text } = $.ui.resolve(e)
    return (
      <Box flexDirection="column">
        {lines.map(line => (
          <Text wrap="truncate-end">
            {line.map(([tone, text]) => (
              <Text color={COLOURS[tone]} dimColor={tone === 'dim'} bold={tone === 'strong' || tone === 'bad'}>
                {text}
              </Text>
            ))}
          </Text>
        ))}
        {words.map(line => (
          <Text wrap="truncate-end">{line}</Text>
        ))}
      </Box>
    )
  })

  for (const name of ['clodex-status', 'clodex-cancel', 'clodex-debug', 'clodex-result']) {
    on('command.run', { command: `clodex:${name}` }, async ($, e, next) => {
      const text = await answer($, name, e.args, e.presentation.columns)
      return text === undefined ? next(e) : { text }
    }).catch(($, e, next) => next(e))
  }
  on('command.run', { command: 'clodex-now' }, async ($, e) => {
    const { name, words } = wanted(e.args)
    const text = (await answer($, name, words, e.presentation.columns)) ?? 'cannot find the helpers of clodex; hint: run /clodex-setup'
    if (isWorking) await say($, text)
    return { text }
  })

  // A run is most often started by Claude's own Bash call: its line is there soon, not at the next slow look.
  on('tool.call', { tool: 'Bash' }, ($, e, next) => {
    if (e.command.includes('clodex-')) {
      eagerLooks = EAGER_LOOKS
      lookIn($, LIVE_MS)
    }
    return next(e)
  }).catch(($, e, next) => next(e))
}
