"""Verdicts in the words of OPC UA: OPC 40001-101 (Machinery Result Transfer) and OPC 40100-1 (Machine Vision).

The table is in docs/line.md. Numbers are the specifications' enumerations.
"""

from goldenpart.v1 import inspection_pb2, line_pb2

_PASS, _FAIL = inspection_pb2.VERDICT_PASS, inspection_pb2.VERDICT_FAIL
_NOT_INSPECTED = inspection_pb2.VERDICT_NOT_INSPECTED

EVALUATION_NAMES = {
    line_pb2.OPC_EVALUATION_UNSPECIFIED: "Undefined",
    line_pb2.OPC_EVALUATION_OK: "OK",
    line_pb2.OPC_EVALUATION_NOT_OK: "NotOK",
    line_pb2.OPC_EVALUATION_NOT_DECIDABLE: "NotDecidable",
}

RESULT_COMPLETED, RESULT_ABORTED, RESULT_FAILED = 1, 3, 4
# Nothing is wrong with the frame, the system did not get to it.
_ABORTED_FOR = frozenset(
    {
        inspection_pb2.NOT_INSPECTED_REASON_DEADLINE_PASSED,
        inspection_pb2.NOT_INSPECTED_REASON_OVERLOADED,
        inspection_pb2.NOT_INSPECTED_REASON_DRAINING,
    }
)


def evaluation(verdict: inspection_pb2.Verdict) -> line_pb2.OpcEvaluation:
    """ResultEvaluation of OPC 40001-101."""
    if verdict == _PASS:
        return line_pb2.OPC_EVALUATION_OK
    return line_pb2.OPC_EVALUATION_NOT_OK if verdict == _FAIL else line_pb2.OPC_EVALUATION_NOT_DECIDABLE


def result_state(result: inspection_pb2.InspectionResult) -> int:
    """ResultState of OPC 40100-1: completed, aborted (time, overload, shutdown) or failed (everything else)."""
    if result.verdict != _NOT_INSPECTED:
        return RESULT_COMPLETED
    return RESULT_ABORTED if result.reason in _ABORTED_FOR else RESULT_FAILED
