import { describe, expect, test } from "bun:test"
import { sampleSnapshot } from "../admin/admin.fixture.ts"
import type { BoundListener } from "../admin/running-gateway.ts"
import type { Snapshot } from "../compile/snapshot.ts"
import type { Diagnostic } from "../config/diagnostics.ts"
import type { Steps } from "../config/steps.ts"
import { type LoadedCredentials, noCredentials } from "../security/load-credentials.ts"
import { Counters } from "../telemetry/counters.ts"
import { createLog } from "../telemetry/log.ts"
import { type Engine, GatewayProcess } from "./gateway-process.ts"
import type { LoadedConfiguration } from "./load-snapshot.ts"

const mistake: Diagnostic = {
  severity: "error",
  code: "P2001",
  message: "unknown field",
  file: "routes.yaml",
  line: 1,
  column: 1,
  endColumn: 2,
  resource: "",
  path: "",
  hint: "",
}

const good = (snapshot: Snapshot): LoadedConfiguration => ({
  snapshot,
  credentials: new Map(),
  diagnostics: [],
  files: [],
})
const broken: LoadedConfiguration = {
  snapshot: null,
  credentials: new Map(),
  diagnostics: [mistake],
  files: [],
}

class FakeEngine implements Engine {
  readonly applied: Snapshot[] = []
  readonly listenerStats = []
  readonly boundListeners: readonly BoundListener[] = []
  readonly clusters = []
  readonly tlsServers = []
  readonly appliedCredentials: Snapshot[] = []
  failures: readonly string[] = []
  /** Each apply waits for it. */
  gate: Promise<void> = Promise.resolve()

  async apply(snapshot: Snapshot): Promise<readonly string[]> {
    this.applied.push(snapshot)
    await this.gate
    return this.failures
  }

  *applyingCredentials(snapshot: Snapshot): Steps<void> {
    yield
    this.appliedCredentials.push(snapshot)
  }
}

function setUp(
  load: () => Promise<LoadedConfiguration>,
  loadCredentials: () => Promise<LoadedCredentials> = async () => noCredentials,
) {
  const engine = new FakeEngine()
  const counters = new Counters()
  const printed: string[] = []
  const messages: string[] = []
  let quits = 0
  const gateway = new GatewayProcess({
    engine,
    load,
    loadCredentials,
    onServed: () => {},
    counters,
    log: createLog({ level: "info", format: "text", write: (line) => messages.push(line) }),
    print: async (text) => {
      if (text !== "") printed.push(text)
    },
    onQuit: () => {
      quits += 1
    },
    commandLineOptions: {},
    useColor: false,
  })
  return { gateway, engine, counters, printed, messages, quits: () => quits }
}

describe("starting", () => {
  test("with a right configuration: INITIALIZING, then LIVE and ready", async () => {
    const snapshot = sampleSnapshot()
    const { gateway, engine, printed } = setUp(async () => good(snapshot))
    expect(gateway.state).toBe("INITIALIZING")
    expect(gateway.isReady).toBe(false)
    expect(await gateway.start()).toBe(true)
    expect(engine.applied).toEqual([snapshot])
    expect(gateway).toMatchObject({ state: "LIVE", isReady: true, snapshot })
    expect(printed).toEqual([])
  })

  test("with errors: nothing is bound, the diagnostics and a summary are printed", async () => {
    const { gateway, engine, printed } = setUp(async () => broken)
    expect(await gateway.start()).toBe(false)
    expect(engine.applied).toEqual([])
    expect(printed.join("")).toContain("routes.yaml:1:1: error[P2001]: unknown field")
    expect(printed.at(-1)).toBe("portcullis: not started: 1 error, 0 warnings\n")
  })

  test("with a port that is taken: it does not start, and says which", async () => {
    const { gateway, engine, printed } = setUp(async () => good(sampleSnapshot()))
    engine.failures = ["cannot listen on 0.0.0.0:80: permission denied"]
    expect(await gateway.start()).toBe(false)
    expect(printed).toEqual(["portcullis: cannot listen on 0.0.0.0:80: permission denied\n"])
  })
})

describe("reloading", () => {
  test("a right configuration replaces the one that runs", async () => {
    const [first, second] = [sampleSnapshot(), sampleSnapshot()]
    const configurations = [good(first), good(second)]
    const { gateway, engine, counters } = setUp(async () => configurations.shift() ?? broken)
    await gateway.start()
    expect(await gateway.reload()).toMatchObject({ ok: true, problems: "" })
    expect(engine.applied).toEqual([first, second])
    expect(gateway.snapshot).toBe(second)
    expect(counters).toMatchObject({ configReloads: 1, configReloadFailures: 0 })
  })

  test("a configuration with an error never replaces the one that runs, and everybody can see it", async () => {
    const snapshot = sampleSnapshot()
    const configurations = [good(snapshot), broken]
    const { gateway, engine, counters, printed, messages } = setUp(async () => configurations.shift() ?? broken)
    await gateway.start()
    const outcome = await gateway.reload()
    expect(outcome).toMatchObject({ ok: false, isInForce: false })
    expect(outcome.problems).toContain("error[P2001]")
    expect(engine.applied).toEqual([snapshot])
    expect(gateway).toMatchObject({ snapshot, isReady: true, lastReload: outcome })
    expect(counters).toMatchObject({ configReloads: 0, configReloadFailures: 1 })
    expect(printed.join("")).toContain("error[P2001]")
    expect(messages.join("")).toContain("the old one keeps serving: 1 error, 0 warnings")
  })

  test("a listener that cannot be bound makes the gateway unready until a reload binds it", async () => {
    const { gateway, engine, counters } = setUp(async () => good(sampleSnapshot()))
    await gateway.start()
    engine.failures = ["cannot listen on 0.0.0.0:81: in use"]
    expect(await gateway.reload()).toMatchObject({
      ok: false,
      isInForce: true,
      problems: "cannot listen on 0.0.0.0:81: in use\n",
    })
    expect(gateway.isReady).toBe(false)
    expect(counters.configReloadFailures).toBe(1)
    engine.failures = []
    expect(await gateway.reload()).toMatchObject({ ok: true })
    expect(gateway.isReady).toBe(true)
  })

  test("reloads never overlap; all that come while one runs share the next", async () => {
    let running = 0
    let loads = 0
    const gates: (() => void)[] = []
    const { gateway } = setUp(async () => {
      loads += 1
      running += 1
      expect(running).toBe(1)
      if (loads > 1) await new Promise<void>((resolve) => gates.push(resolve))
      running -= 1
      return good(sampleSnapshot())
    })
    await gateway.start()
    const first = gateway.reload()
    const second = gateway.reload()
    const third = gateway.reload()
    expect(third).toBe(second)
    gates.shift()?.()
    await first
    await Bun.sleep(0)
    gates.shift()?.()
    await Promise.all([second, third])
    expect(loads).toBe(3)
  })

  test("a bug of ours while reloading is reported and counted, and the old configuration keeps serving", async () => {
    const configurations = [good(sampleSnapshot())]
    const { gateway, counters, messages } = setUp(async () => {
      const next = configurations.shift()
      if (next === undefined) throw new Error("a bug")
      return next
    })
    await gateway.start()
    expect(await gateway.reload()).toMatchObject({ ok: false })
    expect(gateway.isReady).toBe(true)
    expect(counters).toMatchObject({ invariantErrors: 1, configReloadFailures: 1 })
    expect(messages.join("")).toContain("a bug")
  })

  test("not before the start, and not while draining", async () => {
    const { gateway, counters } = setUp(async () => good(sampleSnapshot()))
    expect(await gateway.reload()).toMatchObject({ ok: false, problems: "portcullis: no reload while INITIALIZING\n" })
    await gateway.start()
    gateway.beginDrain()
    expect(await gateway.reload()).toMatchObject({ ok: false, problems: "portcullis: no reload while DRAINING\n" })
    expect(counters.configReloads + counters.configReloadFailures).toBe(0)
  })

  test("a call that comes during the start is not lost: it reloads what was started with", async () => {
    const [first, second] = [sampleSnapshot(), sampleSnapshot()]
    const configurations = [good(first), good(second)]
    const { gateway, engine } = setUp(async () => configurations.shift() ?? broken)
    const start = gateway.start()
    const reload = gateway.reload()
    expect(await start).toBe(true)
    expect(await reload).toMatchObject({ ok: true })
    expect(engine.applied).toEqual([first, second])
  })

  test("what is being applied when the drain begins is not called the configuration in force", async () => {
    const [first, second] = [sampleSnapshot(), sampleSnapshot()]
    const configurations = [good(first), good(second)]
    const { gateway, engine, counters, messages } = setUp(async () => configurations.shift() ?? broken)
    await gateway.start()
    const { promise, resolve } = Promise.withResolvers<void>()
    engine.gate = promise
    const reload = gateway.reload()
    while (engine.applied.length === 1) await Bun.sleep(0)
    gateway.beginDrain()
    resolve()
    expect(await reload).toMatchObject({ ok: false, isInForce: false })
    expect(gateway.snapshot).toBe(first)
    expect(counters.configReloads).toBe(0)
    expect(messages.join("")).not.toContain("configuration reloaded")
  })

  test("what was loaded when the drain began is not served", async () => {
    const { gateway, engine } = setUp(async () => good(sampleSnapshot()))
    await gateway.start()
    const reload = gateway.reload()
    gateway.beginDrain()
    expect(await reload).toMatchObject({ ok: false, problems: "portcullis: no reload while DRAINING\n" })
    expect(engine.applied).toHaveLength(1)
  })
})

describe("reloading certificates", () => {
  /** Each load of certificates waits until it is let go. */
  function gated() {
    const gates: (() => void)[] = []
    const load = async (): Promise<LoadedCredentials> => {
      await new Promise<void>((resolve) => gates.push(resolve))
      return noCredentials
    }
    return { gates, load }
  }

  test("they are applied to the snapshot that serves, and no configuration is loaded", async () => {
    const snapshot = sampleSnapshot()
    const { gateway, engine } = setUp(async () => good(snapshot))
    await gateway.start()
    await gateway.reloadCredentials()
    expect(engine).toMatchObject({ applied: [snapshot], appliedCredentials: [snapshot] })
  })

  test("a reload waits for them and they wait for a reload; calls that come meanwhile share one look after it", async () => {
    const configurations = [sampleSnapshot(), sampleSnapshot()]
    const { gates, load } = gated()
    const loads = configurations.map(good)
    const { gateway, engine } = setUp(async () => loads.shift() ?? broken, load)
    await gateway.start()
    const before = gateway.reloadCredentials()
    const reload = gateway.reload()
    const after = gateway.reloadCredentials()
    expect(gateway.reloadCredentials()).toBe(after)
    expect(engine.applied).toHaveLength(1)
    gates.shift()?.()
    await before
    expect(engine.appliedCredentials).toEqual(configurations.slice(0, 1))
    expect(await reload).toMatchObject({ ok: true })
    while (gates.length === 0) await Bun.sleep(0)
    gates.shift()?.()
    await after
    expect(engine.applied).toEqual(configurations)
    expect(engine.appliedCredentials).toEqual(configurations)
    expect(gates).toEqual([])
  })

  test("what was read when the drain began is not applied, and nothing is read after it", async () => {
    const { gates, load } = gated()
    const { gateway, engine } = setUp(async () => good(sampleSnapshot()), load)
    await gateway.start()
    const reload = gateway.reloadCredentials()
    gateway.beginDrain()
    gates.shift()?.()
    await reload
    await gateway.reloadCredentials()
    expect(engine.appliedCredentials).toEqual([])
  })

  test("a bug of ours is reported and counted, and the next change is looked at again", async () => {
    const failing = [new Error("a bug")]
    const { gateway, engine, counters, messages } = setUp(
      async () => good(sampleSnapshot()),
      async () => {
        const error = failing.shift()
        if (error !== undefined) throw error
        return noCredentials
      },
    )
    await gateway.start()
    await gateway.reloadCredentials()
    expect(counters.invariantErrors).toBe(1)
    expect(messages.join("")).toContain("a bug")
    await gateway.reloadCredentials()
    expect(engine.appliedCredentials).toHaveLength(1)
  })
})

describe("health", () => {
  test("failed by hand: DRAINING and unready, and back", async () => {
    const { gateway } = setUp(async () => good(sampleSnapshot()))
    await gateway.start()
    gateway.failHealthcheck()
    expect(gateway).toMatchObject({ state: "DRAINING", isReady: false })
    // It goes on serving, so it goes on reloading.
    expect(await gateway.reload()).toMatchObject({ ok: true })
    gateway.passHealthcheck()
    expect(gateway).toMatchObject({ state: "LIVE", isReady: true })
  })

  test("a drain cannot be undone by a passing health check", async () => {
    const { gateway } = setUp(async () => good(sampleSnapshot()))
    await gateway.start()
    gateway.beginDrain()
    gateway.passHealthcheck()
    expect(gateway).toMatchObject({ state: "DRAINING", isReady: false })
  })

  test("quit asks the process to stop", () => {
    const { gateway, quits } = setUp(async () => broken)
    gateway.quit()
    expect(quits()).toBe(1)
  })
})
