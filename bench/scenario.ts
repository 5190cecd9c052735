/** What a scenario is given and what it gives back. Each measures one thing and says how far that is from where it should be. */
import type { Peer } from "./proxies/proxy.ts"

export interface BenchContext {
  /** Short rounds: to see that everything works, not to be quoted. */
  readonly quick: boolean
  /** Measure `dist/portcullis` instead of the sources. */
  readonly useBinary: boolean
  /** Installed peers to compare with, portcullis not among them. */
  readonly peers: readonly Peer[]
  /** For configurations and temporary files; removed at the end. */
  readonly folder: string
  /** Says on stderr what is being done. */
  progress(text: string): void
}

export interface Scenario {
  /** What the command line calls it. */
  readonly name: string
  readonly title: string
  run(context: BenchContext): Promise<ScenarioResult>
}

export interface ScenarioResult {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Empty where the gateway could not be measured. */
  readonly figures: readonly Figure[]
  /** What the reader must know about this run, such as a proxy that could not be measured. */
  readonly remarks: readonly string[]
}

/** One number that the project holds itself to. Smaller is better in all of them. */
export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: string
  /** Above this it is a regression. */
  readonly bar: number
  /** Where it should get to. */
  readonly aim: number
}
