/**
 * Envoy's response flags as the access log prints them, with their meaning for people (Istio semantics sheet 9.3).
 * The one list that the access log, the counters and the documentation share.
 */

export const responseFlags = Object.freeze({
  DC: "the client closed the connection",
  DF: "the upstream's name could not be resolved",
  DI: "a fault rule delayed the request",
  DPE: "the client broke the protocol",
  DR: "the client reset the stream",
  DT: "the request or connection lasted longer than allowed",
  FI: "a fault rule aborted the request",
  IH: "a header had a value that is not allowed",
  LH: "the local health check failed",
  LR: "the gateway reset the stream",
  NC: "the route's cluster does not exist",
  NFCF: "the filter configuration is missing",
  NR: "no route or filter chain matched",
  OM: "the overload manager refused the request",
  RFCF: "served from the response cache",
  RL: "rate limited",
  RLSE: "the rate limit service failed",
  SI: "the stream was idle too long",
  UAEX: "external authorization denied the request",
  UC: "the upstream closed the connection",
  UF: "the upstream could not be connected to",
  UH: "the cluster has no healthy endpoint",
  UMSDR: "the stream reached its longest duration",
  UO: "the cluster's circuit breaker is open",
  UPE: "the upstream broke the protocol",
  UR: "the upstream reset the stream",
  URX: "the retry or connection limit was reached",
  UT: "the upstream did not answer in time",
} as const)

export type ResponseFlag = keyof typeof responseFlags

export function isResponseFlag(text: string): text is ResponseFlag {
  return Object.hasOwn(responseFlags, text)
}
