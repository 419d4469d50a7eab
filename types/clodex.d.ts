// What the mod keeps for its drawing: the lines of the band, and what was said in the middle of a turn.
export type ClodexSpan = readonly [tone: string, text: string]

declare module 'claude-code' {
  interface PluginState {
    clodex: { band: readonly (readonly ClodexSpan[])[]; said: readonly string[] }
  }
}
