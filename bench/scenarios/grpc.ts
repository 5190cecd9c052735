/** CPU time per unary gRPC call over cleartext HTTP/2: 16 connections with 10 calls at once on each, gRPC on both sides. */
import { join } from "node:path"
import { runContest } from "../contest.ts"
import { answersGrpc, echoMessage, echoMethod } from "../grpc-method.ts"
import { runHttp2Load } from "../http2-load.ts"
import { findFreePort, startProcess } from "../measured-process.ts"
import { readCpuSeconds } from "../process-usage.ts"
import { portcullis, portcullisCommand } from "../proxies/portcullis.ts"
import { findProgram, type Peer, type ProxyPlan, type RunningProxy } from "../proxies/proxy.ts"
import type { Scenario } from "../scenario.ts"
import { median, medianRatio } from "../statistics.ts"

const host = "grpc.bench.example"
const processFile = join(import.meta.dir, "../grpc-js-process.ts")
const grpcFields = ["content-type: application/grpc", "te: trailers", "grpc-timeout: 10S", "user-agent: grpc-bench/1"]

interface CallSample {
  readonly cpuMicrosPerCall: number
  readonly callsPerSecond: number
}

const grpcJs: Peer = {
  name: "grpc-js",
  tls: null,
  readVersion: () => `@grpc/grpc-js on Bun ${Bun.version}`,
  isReady: answersGrpc,
  prepare: ({ port, upstreamPort }) =>
    Promise.resolve({ argv: [process.execPath, processFile, `${port}`, `${upstreamPort}`], environment: {} }),
}

export const grpcUnary: Scenario = {
  name: "grpc",
  title: "Unary gRPC calls of 100 bytes each way over cleartext HTTP/2: 16 connections, 10 calls at once on each",
  async run(context) {
    const noLoad = findProgram("h2load") === null
    if (noLoad) return { columns: [], rows: [], figures: [], remarks: ["h2load is not installed (nghttp2-client)"] }
    const own = portcullisGrpc(context.useBinary)
    const [rounds, seconds] = context.quick ? [2, 1] : [7, 5]
    const bodyFile = join(context.folder, "call")
    await Bun.write(bodyFile, framed(echoMessage))
    const upstreamPort = await findFreePort()
    const upstream = await startProcess(
      { argv: [process.execPath, processFile, `${upstreamPort}`], environment: {} },
      () => answersGrpc(upstreamPort, host),
    )
    try {
      const { samples, peakResidentBytes, remarks } = await runContest(
        context,
        [grpcJs, own].map((peer) => ({ peer, hosts: [host] })),
        upstreamPort,
        rounds,
        (proxy) => measure(proxy, bodyFile, seconds),
      )
      const costsOf = (name: string) => (samples.get(name) ?? []).map((sample) => sample.cpuMicrosPerCall)
      const ratio = medianRatio(costsOf(own.name), costsOf(grpcJs.name))
      return {
        columns: ["proxy", "CPU us/call", "of grpc-js", "calls/s", "peak RSS MB"],
        rows: [...samples].map(([name, each]) => [
          name,
          median(costsOf(name)).toFixed(1),
          medianRatio(costsOf(name), costsOf(grpcJs.name)).toFixed(2),
          median(each.map((sample) => sample.callsPerSecond)).toFixed(0),
          ((peakResidentBytes.get(name) ?? Number.NaN) / 1e6).toFixed(0),
        ]),
        figures: Number.isFinite(ratio)
          ? [{ what: "CPU per unary gRPC call, of a grpc-js proxy", value: ratio, unit: "x", bar: 0.5, aim: 0.25 }]
          : [],
        remarks,
      }
    } finally {
      await upstream.stop()
    }
  },
}

function portcullisGrpc(useBinary: boolean): Peer {
  const http = portcullis(useBinary)
  return {
    ...http,
    isReady: answersGrpc,
    async prepare(plan) {
      const file = join(plan.folder, "routes.yaml")
      await Bun.write(file, routesYaml(plan))
      const quiet = [
        "--access-log",
        "off",
        "--admin",
        "off",
        "--status-port",
        "off",
        "--no-watch",
        "--log-level",
        "error",
      ]
      const argv = [...portcullisCommand(useBinary), "run", "-f", file, "--bind", "127.0.0.1", ...quiet]
      return { argv, environment: {} }
    },
  }
}

function routesYaml({ port, upstreamPort }: ProxyPlan): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: ${port}, name: grpc, protocol: GRPC }
      hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: echo }
spec:
  hosts: [echo.bench.internal]
  resolution: STATIC
  ports: [{ number: 80, name: grpc, protocol: GRPC, targetPort: ${upstreamPort} }]
  endpoints: [{ address: 127.0.0.1 }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo }
spec:
  hosts: [${host}]
  gateways: [edge]
  http:
    - match: [{ uri: { prefix: /bench.Echo/ } }]
      route: [{ destination: { host: echo.bench.internal, port: { number: 80 } } }]
`
}

/** One message as gRPC frames it. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

async function measure(proxy: RunningProxy, bodyFile: string, durationSeconds: number): Promise<CallSample> {
  const cpuSecondsBefore = readCpuSeconds(proxy.process.pid)
  const request = { url: `http://127.0.0.1:${proxy.port}${echoMethod}`, host, fields: grpcFields, bodyFile }
  const { requests, requestsPerSecond, failed } = await runHttp2Load(request, durationSeconds)
  const cpuSeconds = readCpuSeconds(proxy.process.pid) - cpuSecondsBefore
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} calls failed`)
  return { cpuMicrosPerCall: (cpuSeconds / requests) * 1e6, callsPerSecond: requestsPerSecond }
}
