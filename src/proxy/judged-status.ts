/** What outlier detection hears of a response (Istio semantics sheet 6.6; Envoy: router filter). */
import { FieldId } from "../http/field-names.ts"
import { httpStatusOfGrpc } from "../http/grpc-status.ts"
import type { RequestHead, ResponseHead } from "../http/message.ts"

/** @returns the status; of a gRPC response without messages ("trailers-only") its own status, as HTTP's. */
export function judgedStatus(request: RequestHead, head: ResponseHead): number {
  if (head.status !== 200) return head.status
  const grpcStatus = head.fields.valueOfId(FieldId.grpcStatus)
  return grpcStatus === null || !request.isGrpc() ? 200 : httpStatusOfGrpc(Number(grpcStatus))
}
