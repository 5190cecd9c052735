/**
 * The routes of one VirtualService on one server: a route per match block, in file order, ending at the first that
 * takes everything (Istio semantics sheet 2.1 (5), 2.3).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`BuildHTTPRoutesForVirtualService`).
 */
import { compileDirectResponse, compileRedirect } from "./answers.ts"
import type { HttpMatch } from "./api-types.ts"
import type { EffectiveRule } from "./delegates.ts"
import { compileForward, compilePathRewrite, type ForwardContext } from "./forward.ts"
import { compileHeaders } from "./header-edits.ts"
import { isCatchAll } from "./order.ts"
import { holdsStatically, type MatchTranslator, matchEverything, type ServerView } from "./route-match.ts"
import type { RuleSource } from "./rule-source.ts"
import type { HeaderEdits, ResourceName, Route, RouteAction, RouteMatch, SourceLocation } from "./snapshot.ts"

export interface RouteContext extends ForwardContext {
  readonly server: ServerView
  readonly isTls: boolean
  readonly matches: MatchTranslator
}

/** A route whose position in the files is looked up only when asked for. */
export class CompiledRoute implements Route {
  readonly index: number
  readonly name: string
  readonly virtualService: ResourceName
  readonly match: RouteMatch
  readonly action: RouteAction
  readonly requestEdits: HeaderEdits | null
  readonly responseEdits: HeaderEdits | null
  readonly #source: RuleSource

  constructor(
    index: number,
    name: string,
    virtualService: ResourceName,
    match: RouteMatch,
    compiled: CompiledAction,
    source: RuleSource,
  ) {
    this.index = index
    this.name = name
    this.virtualService = virtualService
    this.match = match
    this.action = compiled.action
    this.requestEdits = compiled.requestEdits
    this.responseEdits = compiled.responseEdits
    this.#source = source
  }

  get location(): SourceLocation {
    return this.#source.location
  }

  /** The same route at another place of a virtual host. */
  at(index: number): CompiledRoute {
    return index === this.index
      ? this
      : new CompiledRoute(index, this.name, this.virtualService, this.match, this, this.#source)
  }
}

interface CompiledAction {
  readonly action: RouteAction
  readonly requestEdits: HeaderEdits | null
  readonly responseEdits: HeaderEdits | null
}

/** Indices count from 0 as if the VirtualService had its virtual host to itself. May be empty. */
export function compileRoutes(
  virtualService: ResourceName,
  rules: readonly EffectiveRule[],
  context: RouteContext,
): readonly CompiledRoute[] {
  const routes: CompiledRoute[] = []
  for (const effective of rules) {
    const blocks: readonly (HttpMatch | null)[] = effective.rule.match?.length ? effective.rule.match : [null]
    let compiled: CompiledAction | null = null
    for (const [matchIndex, block] of blocks.entries()) {
      if (block !== null && !holdsStatically(block, effective.namespace, context.server)) continue
      const match = block === null ? matchEverything : context.matches.translate(block, effective, matchIndex)
      if (match === null) continue
      // Once for all blocks: only the path rewrite differs between them.
      compiled ??= compileAction(effective, context)
      if (compiled === null) break
      const withRewrite = rewritten(compiled, match, effective, context)
      const name = routeName(effective.rule.name, block?.name)
      const route = new CompiledRoute(routes.length, name, virtualService, match, withRewrite, effective.source)
      routes.push(route)
      if (isCatchAll(match)) return routes
    }
  }
  return routes
}

/** @returns null when the rule does nothing that a gateway can do. */
function compileAction(effective: EffectiveRule, context: RouteContext): CompiledAction | null {
  const { rule } = effective
  if (rule.redirect === undefined && rule.directResponse === undefined) return compileForward(effective, context)
  const action =
    rule.redirect !== undefined
      ? compileRedirect(rule.redirect, context.server.declaredPort, context.isTls)
      : rule.directResponse !== undefined
        ? compileDirectResponse(rule.directResponse)
        : null
  if (action === null) return null
  const level = compileHeaders(rule.headers)
  return { action, requestEdits: level.request, responseEdits: level.response }
}

function rewritten(
  compiled: CompiledAction,
  match: RouteMatch,
  effective: EffectiveRule,
  context: RouteContext,
): CompiledAction {
  if (compiled.action.kind !== "forward") return compiled
  const pathRewrite = compilePathRewrite(effective.rule, match.path, effective, context.regexes)
  return pathRewrite === null ? compiled : { ...compiled, action: { ...compiled.action, pathRewrite } }
}

function routeName(rule: string | undefined, match: string | undefined): string {
  const name = rule ?? ""
  return match === undefined || match === "" ? name : `${name}.${match}`
}
