import { describe, expect, test } from "bun:test"
import {
  compileExample,
  forwardOf,
  gateway,
  onlyRoute,
  routeNames,
  routesOf,
  toWebapp,
  virtualService,
} from "./example-configuration.ts"

const root = (match: string, further = "", namespace = ""): string =>
  virtualService({
    rules: [
      `{name: root, ${match}delegate: {name: leaf${namespace === "" ? "" : `, namespace: ${namespace}`}}${further}}`,
    ],
  })

const leaf = (
  rules: readonly string[],
  further: { readonly namespace?: string; readonly exportTo?: string[] } = {},
): string => virtualService({ name: "leaf", hosts: [], gateways: [], rules, ...further })

const compiled = (...documents: readonly string[]) => compileExample(gateway() + documents.join(""))

/** Kind and value of each route's path. */
const paths = (example: ReturnType<typeof compileExample>): readonly string[] =>
  routesOf(example).map(({ match: { path } }) =>
    path.kind === "exact" || path.kind === "prefix" ? `${path.kind} ${path.value}` : path.kind,
  )

describe("delegation (Istio semantics sheet 3.11)", () => {
  test("the delegate's rules take the root rule's place, names joined", () => {
    const example = compiled(root(""), leaf([`{name: one, match: [{uri: {exact: /a}}], ${toWebapp}}`, `{${toWebapp}}`]))
    expect(routeNames(example)).toEqual(["root-one", "root"])
    expect(routesOf(example)[0]?.virtualService).toEqual({ namespace: "default", name: "site" })
    expect(example.findings).toEqual([])
  })

  test("match blocks are joined leaf-major, the leaf's value wins where it narrows the root's", () => {
    const example = compiled(
      root("match: [{uri: {prefix: /a}}, {headers: {x: {exact: '1'}}}], "),
      leaf([`{match: [{uri: {prefix: /ab}}, {uri: {exact: /a/c}}], ${toWebapp}}`]),
    )
    expect(paths(example)).toEqual(["prefix /ab", "prefix /ab", "exact /a/c", "exact /a/c"])
    expect(routesOf(example).map(({ match }) => match.predicates.length)).toEqual([0, 1, 0, 1])
  })

  test("a side without blocks takes the other side's", () => {
    expect(paths(compiled(root("match: [{uri: {prefix: /a}}], "), leaf([`{${toWebapp}}`])))).toEqual(["prefix /a"])
    expect(paths(compiled(root(""), leaf([`{match: [{uri: {exact: /b}}], ${toWebapp}}`])))).toEqual(["exact /b"])
  })

  test.each([
    { conflict: "a prefix outside the root's", rootMatch: "uri: {prefix: /a}", leafMatch: "uri: {prefix: /b}" },
    {
      conflict: "an exact value outside the root's prefix",
      rootMatch: "uri: {prefix: /a}",
      leafMatch: "uri: {exact: /b}",
    },
    { conflict: "another exact value", rootMatch: "uri: {exact: /a}", leafMatch: "uri: {exact: /ab}" },
    { conflict: "a prefix under an exact root", rootMatch: "uri: {exact: /a}", leafMatch: "uri: {prefix: /a}" },
    { conflict: "a regex on one side", rootMatch: "uri: {regex: '/a.*'}", leafMatch: "uri: {exact: /a}" },
    { conflict: "another port", rootMatch: "port: 80", leafMatch: "port: 81" },
    {
      conflict: "another case rule",
      rootMatch: "uri: {prefix: /a}",
      leafMatch: "uri: {prefix: /a}, ignoreUriCase: true",
    },
    { conflict: "another header value", rootMatch: "headers: {x: {exact: a}}", leafMatch: "headers: {x: {exact: b}}" },
    {
      conflict: "a gateway that the root does not name",
      rootMatch: "gateways: [edge]",
      leafMatch: "gateways: [other]",
    },
    { conflict: "another source label", rootMatch: "sourceLabels: {a: b}", leafMatch: "sourceLabels: {a: c}" },
  ])("$conflict voids the whole delegate rule", ({ rootMatch, leafMatch }) => {
    const example = compiled(
      root(`match: [{${rootMatch}}], `),
      leaf([`{match: [{${rootMatch}}, {${leafMatch}}], ${toWebapp}}`, `{name: kept, ${toWebapp}}`]),
    )
    expect(example.findings).toEqual(["P3010 warning VirtualService default/leaf spec.http[0].match"])
  })

  test("a missing delegate removes only its root rule", () => {
    const example = compiled(
      virtualService({ rules: ["{delegate: {name: leav}}", `{name: own, ${toWebapp}}`] }),
      leaf([`{${toWebapp}}`]),
    )
    expect(routeNames(example)).toEqual(["own"])
    expect(example.findings).toEqual(["P3009 error VirtualService default/site spec.http[0].delegate"])
    expect(example.diagnostics[0]?.hint).toBe('did you mean "default/leaf"?')
  })

  test("a delegate must be exported to the root's namespace", () => {
    const rules = [`{${toWebapp}}`]
    const hidden = compiled(root("", "", "shop"), leaf(rules, { namespace: "shop", exportTo: ["."] }))
    expect(hidden.findings).toEqual(["P3009 error VirtualService default/site spec.http[0].delegate"])
    const shown = compiled(root("", "", "shop"), leaf(rules, { namespace: "shop", exportTo: ["default"] }))
    expect(routesOf(shown)).toHaveLength(1)
  })

  test("fields that the delegate leaves unset come from the root whole", () => {
    const example = compiled(
      root("", ", timeout: 5s, retries: {attempts: 7}, headers: {request: {set: {x: root}}}"),
      leaf([`{timeout: 1s, ${toWebapp}}`]),
    )
    const route = onlyRoute(routesOf(example))
    expect(forwardOf(route).timeoutMs).toBe(1000)
    expect(forwardOf(route).retry?.attempts).toBe(7)
    expect(route.requestEdits?.set[0]?.value.literal).toBe("root")
  })

  test("short names belong to the namespace of who wrote them, an inherited mirror to the root's", () => {
    const example = compileExample(
      gateway() +
        root("", ", mirror: {host: copy}", "shop") +
        leaf(["{route: [{destination: {host: target}}]}"], { namespace: "shop" }),
      { dnsFallback: false },
    )
    const action = forwardOf(onlyRoute(routesOf(example)))
    expect(action.destinations.entries[0]?.clusterName).toBe("outbound|80||target.shop.svc.cluster.local")
    expect(action.mirrors[0]?.clusterName).toBe("outbound|80||copy.default.svc.cluster.local")
  })

  test("a delegate by itself is served nowhere", () => {
    expect(compiled(leaf([`{${toWebapp}}`])).snapshot.routeCount).toBe(0)
  })
})
