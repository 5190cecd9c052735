/** Faults a rule asks for (semantics sheet 3.7): the draw, and what an abort answers. */
import type { FaultPolicy } from "../compile/snapshot.ts"
import { httpStatusOfGrpc } from "../http/grpc-status.ts"
import type { LocalReply } from "./local-replies.ts"

const PARTS = 1_000_000

/** Whether a share of `ppm` parts per million hits. @param random in [0, 1) */
export function isDrawn(ppm: number, random: number): boolean {
  return random * PARTS < ppm
}

export function abortReply(fault: FaultPolicy): LocalReply {
  const isGrpc = fault.abortGrpcStatus >= 0
  return {
    status: isGrpc ? httpStatusOfGrpc(fault.abortGrpcStatus) : fault.abortStatus,
    body: "fault filter abort",
    flags: "FI",
    details: "fault_filter_abort",
    ...(isGrpc ? { grpcStatus: fault.abortGrpcStatus } : {}),
  }
}
