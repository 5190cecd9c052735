/**
 * docs/deploy/kubernetes.yaml: valid for Kubernetes' API, without a field that it does not know, and such that no
 * request is lost when a pod ends and no right is given that the gateway does not need.
 */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Deployment, type IDeployment } from "kubernetes-models/apps/v1"
import { type INetworkPolicy, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1"
import { type IService, Service } from "kubernetes-models/v1"
import { parseAllDocuments } from "yaml"
import { type CommandName, collectFlagValues, flagsOf } from "../src/cli/flags.ts"
import { parseRunOptions } from "../src/cli/options.ts"
import { isUsageError } from "../src/cli/usage-error.ts"

const root = join(import.meta.dir, "..")
const text = readFileSync(join(root, "docs/deploy/kubernetes.yaml"), "utf8")
const documents: readonly unknown[] = parseAllDocuments(text).map((document) => document.toJS())

/** Throws where the API server would refuse a field's type or a missing field. */
function modelOf(document: unknown): Deployment | Service | NetworkPolicy {
  const isA = <T>(data: unknown, kind: string): data is T =>
    typeof data === "object" && data !== null && "kind" in data && data.kind === kind
  if (isA<IDeployment>(document, "Deployment")) return new Deployment(document)
  if (isA<IService>(document, "Service")) return new Service(document)
  if (isA<INetworkPolicy>(document, "NetworkPolicy")) return new NetworkPolicy(document)
  throw new Error(`not known here: ${JSON.stringify(document)}`)
}

const models = documents.map(modelOf)

function single<T>(list: readonly T[] | null | undefined): T {
  const [first, ...others] = list ?? []
  if (first === undefined || others.length > 0) throw new Error(`expected one, found ${JSON.stringify(list)}`)
  return first
}

const deployment = single(models.filter((model) => model instanceof Deployment))
const service = single(models.filter((model) => model instanceof Service))
const policy = single(models.filter((model) => model instanceof NetworkPolicy))
const pod = deployment.spec?.template.spec
const container = single(pod?.containers)
const options = runOptions(container.args ?? [])

function runOptions([command, ...args]: readonly string[]) {
  expect(command).toBe("run" satisfies CommandName)
  const given = new Map<string, string[]>()
  for (const argument of args) {
    const [, name = "", value = ""] = /^--([a-z-]+)=(.*)$/.exec(argument) ?? []
    expect(flagsOf("run").map((flag) => flag.name)).toContain(name)
    given.set(name, [...(given.get(name) ?? []), value])
  }
  const parsed = parseRunOptions(collectFlagValues("run", given, {}))
  if (isUsageError(parsed)) throw new Error(parsed.message)
  return parsed
}

describe("valid", () => {
  test("the API server takes each document", () => {
    expect(models.map(({ kind }) => kind)).toEqual(["Deployment", "Service", "NetworkPolicy"])
    for (const model of models) model.validate()
  })

  test("no field is unknown to the API", async () => {
    const folder = await mkdtemp(join(tmpdir(), "portcullis-kubernetes-"))
    try {
      await symlink(join(root, "node_modules"), join(folder, "node_modules"))
      const imports = `import type { IDeployment } from "kubernetes-models/apps/v1"
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1"
import type { IService } from "kubernetes-models/v1"\n`
      const typed = documents.map((each, at) => {
        const kind = models[at]?.kind ?? ""
        return `export const document${at}: I${kind} = ${JSON.stringify(each, null, 1)}\n`
      })
      await writeFile(join(folder, "documents.ts"), imports + typed.join(""))
      const flags = "--noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler --types".split(" ")
      const tsc = Bun.spawn([join(root, "node_modules/.bin/tsc"), ...flags, "", "documents.ts"], { cwd: folder })
      expect(await tsc.stdout.text()).toBe("")
      expect(await tsc.exited).toBe(0)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe("what belongs together", () => {
  test("names of ports, labels and volumes lead somewhere", () => {
    const ports = new Map(container.ports?.map(({ name, containerPort }) => [name, containerPort]))
    const targets = service.spec?.ports?.map(({ targetPort }) => targetPort)
    const admitted = policy.spec?.ingress?.flatMap((rule) => rule.ports?.map(({ port }) => port) ?? [])
    expect(targets).toEqual(["http", "https"])
    expect(admitted).toEqual(["http", "https", "admin"])
    // The Service's ports are the Gateways' own; the pod binds what they are mapped to.
    expect(service.spec?.ports?.map(({ port }) => options.portMap.get(port))).toEqual([
      ports.get("http"),
      ports.get("https"),
    ])
    expect(ports.get("admin")).toBe(options.admin?.port)
    expect(ports.get("status")).toBe(options.statusPort ?? 0)

    const labels = deployment.spec?.template.metadata?.labels
    expect(deployment.spec?.selector.matchLabels).toEqual(labels)
    expect(service.spec?.selector).toEqual(labels)
    expect(policy.spec?.podSelector?.matchLabels).toEqual(labels)
    expect(container.volumeMounts?.map(({ name }) => name)).toEqual(pod?.volumes?.map(({ name }) => name))
  })

  test("what the gateway reads is mounted, read only", () => {
    const mounts = container.volumeMounts ?? []
    const paths = mounts.map(({ mountPath }) => mountPath)
    expect(options.files.filter((file) => !paths.includes(file))).toEqual([])
    expect(paths.filter((path) => path.startsWith(`${options.secretsDir}/`))).not.toEqual([])
    expect(mounts.filter(({ readOnly }) => readOnly !== true)).toEqual([])
    // A subPath is never written anew when its ConfigMap or Secret changes.
    expect(mounts.filter(({ subPath }) => subPath !== undefined)).toEqual([])
  })

  test("Prometheus finds the metrics where they are", () => {
    expect(deployment.spec?.template.metadata?.annotations).toEqual({
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(options.admin?.port),
      "prometheus.io/path": "/stats/prometheus",
    })
  })
})

test("probes ask the status port: readiness for traffic, liveness for the process alone", () => {
  expect(container.readinessProbe?.httpGet).toEqual({ path: "/healthz/ready", port: "status" })
  // Not ready is no reason to be killed: a gateway that drains is not.
  expect(container.livenessProbe?.httpGet).toEqual({ path: "/healthz/live", port: "status" })
})

test("the grace period covers the wait before the drain, and the drain", () => {
  const waitSeconds = (container.lifecycle?.preStop?.sleep?.seconds ?? 0) + options.drainMs / 1000
  expect(waitSeconds).toBe(35)
  expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(waitSeconds)
})

test("variables that Kubernetes makes of the Service's name are kept out", () => {
  expect(service.metadata?.name).toBe("portcullis")
  expect(pod?.enableServiceLinks).toBe(false)
})

test("no right beyond its own files and ports above 1023", () => {
  expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } })
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  })
  expect(pod?.automountServiceAccountToken).toBe(false)
  expect(container.ports?.filter(({ containerPort }) => containerPort < 1024)).toEqual([])
  // Files of a Secret belong to this group.
  expect(pod?.securityContext?.fsGroup).toBe(pod?.securityContext?.runAsUser ?? 0)
})
