// The mod by itself: what it asks of the helpers, what it draws of their answers, and what is left when there are none.
import { describe, expect, mock, test } from 'claude-code/testing'
import type { On } from 'claude-code'
import { wanted, wordsOf } from './register'

const BAND = {
  plugin: 'clodex',
  surface: 'terminal',
  component: 'AbovePrompt',
  props: {
    hasSurvey: false,
    isCollapsed: false,
    isWorking: true,
    maxRows: 10,
    bodyColumns: 95,
    scroll: { offset: 0, bodyRows: 10 },
    view: {},
  },
} as const

const START = { cwd: '/repo', surface: 'terminal', isInteractive: true } as const
const LINE = [['busy', '◐'], ['dim', ' codex '], ['strong', 'add-tests']]

/** Stands for the helpers: what each was called with, and what it says; `undefined` = it is not there. */
function helpers(on: On, says: (name: string, words: readonly string[]) => string | undefined, settings: Record<string, unknown> = {}) {
  const calls: string[][] = []
  on('session.start', ($, e) => ({ cwd: e.cwd }))
  on('process.hookEnv', () => ({ value: { CLAUDE_CODE_SESSION_ID: 's' } }))
  on('settings.read', () => ({ value: settings }))
  on('command.register', ($, e) => ({ value: { command: e.name } }))
  on('process.run', ($, e) => {
    const [path = '', ...words] = e.argv
    const name = path.split('/').pop() ?? ''
    calls.push([name, ...words])
    const stdout = says(name, words)
    const exitCode = stdout === undefined ? 3 : 0
    return { value: { exitCode, stdout: stdout ?? '', stderr: '', isStdoutTruncated: false, isStderrTruncated: false } }
  })
  return calls
}

describe('the band', () => {
  test('has a line for each live run, follows it, and goes with the last one', async ($, on) => {
    const clock = mock.clock(on)
    let lines: unknown[] = [LINE, LINE]
    const calls = helpers(on, () => JSON.stringify(lines))
    await $.session.start(START)
    await clock.settle()
    const ui = await $.ui.mount(BAND)
    expect(await ui.findAll({ type: 'Text', text: /^add-tests$/ })).toHaveLength(2)

    lines = [LINE]
    await clock.advance(1000)
    expect(await ui.findAll({ type: 'Text', text: /^add-tests$/ })).toHaveLength(1)
    expect(calls.pop()).toEqual(['clodex-statusline', '--band', '95', '4'])

    lines = []
    await clock.advance(1000)
    expect(await ui.find({ type: 'Text', text: /^add-tests$/ })).toBeUndefined()
    const asked = calls.length
    await clock.advance(9000)
    expect(calls.length).toBe(asked)
    await ui.unmount()
  })

  test('leaves a single run to our own statusline', async ($, on) => {
    const clock = mock.clock(on)
    let lines: unknown[] = [LINE]
    const statusLine = { type: 'command', command: '/data/bin/clodex-statusline' }
    helpers(on, () => JSON.stringify(lines), { statusLine })
    await $.session.start(START)
    await clock.settle()
    const ui = await $.ui.mount(BAND)
    expect(await ui.find({ type: 'Text', text: /^add-tests$/ })).toBeUndefined()
    lines = [LINE, LINE]
    await clock.advance(1000)
    expect(await ui.findAll({ type: 'Text', text: /^add-tests$/ })).toHaveLength(2)
    await ui.unmount()
  })

  test('is not there for a helper that says what cannot be drawn, and is when it says what can', async ($, on) => {
    const clock = mock.clock(on)
    let told = JSON.stringify([LINE])
    helpers(on, () => told)
    await $.session.start(START)
    await clock.settle()
    const ui = await $.ui.mount(BAND)
    for (const garbage of ['no JSON {', '{}', '[null]', '[[1]]', '[[["busy",1]]]', '[[["busy","\\u001b[31m"]]]']) {
      told = garbage
      await clock.advance(10_000)
      expect(await ui.find({ type: 'Text', text: /^add-tests$/ })).toBeUndefined()
    }
    told = JSON.stringify([LINE])
    await clock.advance(10_000)
    expect(await ui.find({ type: 'Text', text: /^add-tests$/ })).toBeDefined()
    await ui.unmount()
  })

  test('gives a helper that hangs two seconds, and goes on looking', async ($, on) => {
    const clock = mock.clock(on)
    const patience: unknown[] = []
    on('session.start', ($, e) => ({ cwd: e.cwd }))
    on('process.hookEnv', () => ({ value: { CLAUDE_PLUGIN_DATA: '/data' } }))
    on('command.register', ($, e) => ({ value: { command: e.name } }))
    on('process.run', ($, e) => {
      patience.push(e.init?.timeoutMs)
      return { deny: 'still running' }
    })
    await $.session.start(START)
    await clock.settle()
    const looked = patience.length
    await clock.advance(10_000)
    expect(patience.length).toBe(looked + 1)
    expect([...new Set(patience)]).toEqual([2000])
  })

  test('is not there when the helpers are not', async ($, on) => {
    const clock = mock.clock(on)
    helpers(on, () => undefined)
    await $.session.start(START)
    await clock.advance(30_000)
    const ui = await $.ui.mount(BAND)
    expect(await ui.find({ type: 'Text', text: /^add-tests$/ })).toBeUndefined()
    await ui.unmount()
  })
})

describe('commands', () => {
  test('are answered by their helpers, and words go as they are', async ($, on) => {
    const calls = helpers(on, name => `${name} says\n`)
    const run = async (command: string, args: string) => (await $.command.run(asked(command, args))).text
    expect(await run('clodex:clodex-status', '')).toBe('clodex-status says')
    expect(await run('clodex:clodex-cancel', "don't  $(touch x) ;")).toBe('clodex-cancel says')
    expect(calls.pop()).toEqual(['clodex-cancel', '--inline', "don't", '$(touch', 'x)', ';'])
    expect(await run('clodex-now', 'debug some-run')).toBe('clodex-debug says')
    expect(calls.pop()).toEqual(['clodex-debug', '--inline', 'some-run'])
  })

  test('asked for in the middle of a turn are answered in the band, for a while', async ($, on) => {
    const clock = mock.clock(on)
    helpers(on, name => (name === 'clodex-statusline' ? '[]' : 'first\tof\u001b[31m two\r\nsecond\n'))
    const ui = await $.ui.mount(BAND)
    await $.command.run(asked('clodex-now', ''))
    expect(await ui.find({ type: 'Text', text: /^first of \[31m two $/ })).toBeDefined()
    expect(await ui.find({ type: 'Text', text: /^second$/ })).toBeDefined()
    await clock.advance(15_000)
    await $.command.run(asked('clodex-now', ''))
    await clock.advance(15_000)
    expect(await ui.find({ type: 'Text', text: /^second$/ })).toBeDefined()
    await clock.advance(5_000)
    expect(await ui.find({ type: 'Text', text: /^second$/ })).toBeUndefined()
    await ui.unmount()
  })

  test('are answered through the shim where nothing is installed', async ($, on) => {
    const paths: string[] = []
    on('process.hookEnv', () => ({ value: { CLAUDE_PLUGIN_DATA: '/data' } }))
    on('process.run', ($, e) => {
      paths.push(e.argv[0] ?? '')
      if (paths.length === 1) return { deny: 'no such file' }
      return { value: { exitCode: 0, stdout: 'said', stderr: '', isStdoutTruncated: false, isStderrTruncated: false } }
    })
    const run = async () => (await $.command.run(asked('clodex:clodex-debug', 'a'))).text
    expect([await run(), await run()]).toEqual(['said', 'said'])
    expect(paths.map(path => path.replace(/^.*(?=\/bin\/)/, path => (path === '/data' ? path : 'plugin')))).toEqual([
      '/data/bin/clodex-debug',
      'plugin/bin/clodex-debug',
      'plugin/bin/clodex-debug',
    ])
  })

  test('are left to Markdown when the helpers are not there', async ($, on) => {
    helpers(on, () => undefined)
    on('command.run', () => ({ text: 'markdown' }))
    expect((await $.command.run(asked('clodex:clodex-status', ''))).text).toBe('markdown')
  })

  test('keep what is quoted in one word', () => {
    expect(wordsOf('')).toEqual([])
    expect(wordsOf('"slug collisions" --json')).toEqual(['slug collisions', '--json'])
    expect(wordsOf("'a b' \"c d\"e f\\ g ''")).toEqual(['a b', 'c de', 'f g', ''])
    expect(wordsOf("don't stop \\")).toEqual(["don't", 'stop', '\\'])
  })

  test('know which helper is meant', () => {
    expect(wanted('')).toEqual({ name: 'clodex-status', words: '' })
    expect(wanted(' cancel a b')).toEqual({ name: 'clodex-cancel', words: ' a b' })
    expect(wanted('statusquo')).toEqual({ name: 'clodex-status', words: 'statusquo' })
  })
})

function asked(command: string, args: string) {
  const presentation = { isFullscreen: true, columns: 100 }
  return { command, args, origin: { kind: 'composer' }, presentation } as const
}
