/**
 * Starts proxies side by side and lets them take turns: A, B, C, A, B, C. What disturbs the machine for a while then disturbs
 * all of them, and a ratio within one round means something.
 */
import { readPeakResidentBytes } from "./process-usage.ts"
import { type Peer, type RunningProxy, startProxy } from "./proxies/proxy.ts"
import type { BenchContext } from "./scenario.ts"

export interface Contender {
  readonly peer: Peer
  /** The virtual hosts it is configured with. */
  readonly hosts: readonly string[]
}

export interface ContestResult<Sample> {
  /** By proxy name; one sample per round. Proxies that could not be measured are missing. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>
  readonly peakResidentBytes: ReadonlyMap<string, number>
  readonly remarks: readonly string[]
}

/**
 * Runs `measure` `rounds` times on each contender, interleaved, after one call whose result is thrown away (it warms up).
 * A contender that fails is dropped with a remark; the others go on.
 */
export async function runContest<Participant extends Contender, Sample>(
  context: BenchContext,
  contenders: readonly Participant[],
  upstreamPort: number,
  rounds: number,
  measure: (proxy: RunningProxy, contender: Participant) => Promise<Sample>,
): Promise<ContestResult<Sample>> {
  const remarks: string[] = []
  const running = new Map<RunningProxy, { readonly contender: Participant; readonly samples: Sample[] }>()
  async function drop(name: string, failure: unknown): Promise<void> {
    remarks.push(`${name} was not measured: ${failure instanceof Error ? failure.message : String(failure)}`)
    for (const proxy of running.keys()) {
      if (proxy.name !== name) continue
      running.delete(proxy)
      await proxy.process.stop()
    }
  }
  try {
    for (const contender of contenders) {
      const { peer, hosts } = contender
      try {
        running.set(await startProxy(peer, upstreamPort, hosts, context.folder), { contender, samples: [] })
      } catch (failure) {
        await drop(peer.name, failure)
      }
    }
    for (let round = 0; round <= rounds; round++) {
      for (const [proxy, { contender, samples }] of running) {
        context.progress(round === 0 ? `${proxy.name}: warm-up` : `${proxy.name}: round ${round} of ${rounds}`)
        try {
          const sample = await measure(proxy, contender)
          if (round > 0) samples.push(sample)
        } catch (failure) {
          await drop(proxy.name, failure)
        }
      }
    }
    return {
      samples: new Map([...running].map(([proxy, { samples }]) => [proxy.name, samples])),
      peakResidentBytes: new Map(
        [...running.keys()].map((proxy) => [proxy.name, readPeakResidentBytes(proxy.process.pid)]),
      ),
      remarks,
    }
  } finally {
    for (const proxy of running.keys()) await proxy.process.stop()
  }
}
