/**
 * Runs conformance cases: one gateway and one set of services for a group, one test for a case, its exchanges in order over
 * connections of their own. What went upstream is read from the bytes the services received.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { type Field, fieldOf } from "../harness/http-message.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import type { UpstreamRequest } from "../harness/scripted-upstream.ts"
import type { CaseGroup, Exchange, UpstreamView } from "./conformance-case.ts"
import { Fixture } from "./fixture-services.ts"

export function runGroup(group: CaseGroup): void {
  describe(group.name, () => {
    const fixture = new Fixture()
    let gateway: GatewayUnderTest | null = null
    const cases = group.cases.map((each, index) => {
      const names = { host: `c${index}.${group.name}.test`, name: `c${index}` }
      return { ...each, names, yaml: fillIn(caseYaml(each.http, each.resources), names) }
    })

    beforeAll(async () => {
      const documents = [fixture.yaml, group.resources ?? "", ...cases.map(({ yaml }) => yaml)]
      const yaml = yamlOf(...documents.filter((document) => document.trim() !== ""))
      gateway = await startGateway(yaml, { acceptsErrors: group.isInvalid ?? false })
      expect(gateway.diagnostics.filter(({ code, path }) => code === "P2901" && path.startsWith("spec.http"))).toEqual(
        [],
      )
    })
    afterAll(async () => {
      await gateway?.stop()
      await fixture[Symbol.asyncDispose]()
    })

    for (const { name, exchanges, names } of cases) {
      test(name, async () => {
        if (gateway === null) throw new Error("the group's gateway did not start")
        for (const exchange of exchanges) await runExchange(filledIn(exchange, names), names.host, gateway, fixture)
      })
    }
  })
}

interface Names {
  readonly host: string
  readonly name: string
}

function caseYaml(http: string | undefined, resources = ""): string {
  return yamlOf(...(http === undefined ? [] : [virtualServiceYaml("$name", ["$host"], http)]), resources)
}

function fillIn(text: string, names: Names): string {
  return text.replaceAll("$host", names.host).replaceAll("$name", names.name)
}

/** The exchange with `$host` and `$name` replaced wherever they stand. */
function filledIn(exchange: Exchange, names: Names): Exchange {
  const fill = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value), (_, each) => (typeof each === "string" ? fillIn(each, names) : each))
  return fill(exchange)
}

async function runExchange(
  exchange: Exchange,
  host: string,
  gateway: GatewayUnderTest,
  fixture: Fixture,
): Promise<void> {
  for (const [name, service] of fixture.services) service.prepare(exchange.answers?.[name] ?? [])
  const recordIndex = gateway.records.length
  const response = await exchangeOnce(gateway.port(exchange.port ?? 80), requestBytes(exchange, host))

  const isHead = exchange.send.toString().startsWith("HEAD")
  const reply = exchange.reply ?? (isHead ? "" : (exchange.to ?? ""))
  expect({ status: response.status, reply: response.text }).toEqual({ status: exchange.status ?? 200, reply })
  expect(chosen(response.fields, exchange.fields)).toEqual(exchange.fields ?? {})

  for (const [name, { upstream }] of fixture.services) {
    if (name === "mirror" && exchange.to !== "mirror") {
      const count = exchange.mirrored?.count ?? 0
      if (count > 0) await upstream.request(count - 1)
      expect({ name, count: upstream.requests.length }).toEqual({ name, count })
      if (exchange.mirrored !== undefined) for (const request of upstream.requests) look(request, exchange.mirrored)
    } else {
      const count = exchange.to === name ? (exchange.tries ?? 1) : 0
      expect({ name, count: upstream.requests.length }).toEqual({ name, count })
      const last = upstream.requests.at(-1)
      if (last !== undefined && exchange.upstream !== undefined) look(last, exchange.upstream)
    }
  }

  if (exchange.log === undefined) return
  const { responseFlags, responseCodeDetails, routeName, upstreamCluster, originalPath } =
    await gateway.record(recordIndex)
  const logged = {
    flags: responseFlags,
    details: responseCodeDetails,
    route: routeName,
    cluster: upstreamCluster,
    path: originalPath,
  }
  expect({ ...logged, ...exchange.log }).toEqual(logged)
}

function requestBytes(exchange: Exchange, host: string): string {
  const [line = "", ...written] = typeof exchange.send === "string" ? [exchange.send] : exchange.send
  const body = exchange.body ?? ""
  const has = (name: string) => written.some((field) => field.toLowerCase().startsWith(`${name}:`))
  const fields = [...written]
  if (!has("host")) fields.unshift(`Host: ${host}`)
  if (exchange.body !== undefined && !has("transfer-encoding")) fields.push(`Content-Length: ${body.length}`)
  return `${[`${line} ${exchange.version ?? "HTTP/1.1"}`, ...fields].map((each) => `${each}\r\n`).join("")}\r\n${body}`
}

/** What a service received, as far as the case looks at it. */
function look(request: UpstreamRequest, expected: UpstreamView): void {
  const { startLine, fields } = request
  const seen = { startLine, fields: chosen(fields, expected.fields), body: request.body.toString("latin1") }
  expect({ ...seen, ...pick(expected) }).toEqual(seen)
}

function pick({ startLine, fields, body }: UpstreamView): UpstreamView {
  return {
    ...(startLine === undefined ? {} : { startLine }),
    ...(fields === undefined ? {} : { fields }),
    ...(body === undefined ? {} : { body }),
  }
}

/** The fields of a message that the case names. */
function chosen(
  fields: readonly Field[],
  expected: Readonly<Record<string, string | null>> = {},
): Readonly<Record<string, string | null>> {
  return Object.fromEntries(Object.keys(expected).map((name) => [name, fieldOf(fields, name)]))
}
