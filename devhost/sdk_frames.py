"""What the frames of the SDK's executor tell about the orchestrator it plays (azure-functions-durable 1.7.0)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from traceback import FrameSummary
from types import FrameType, GeneratorType, TracebackType

from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor

_RESUMES = TaskOrchestrationExecutor.resume_user_code.__code__


def is_replaying() -> bool:
    """Whether the code that calls this is the part of an orchestrator that an earlier turn has played."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not _RESUMES:
        frame = frame.f_back
    return frame is not None and bool(frame.f_locals["self"].context.is_replaying)


def paused_at(trace: TracebackType | None) -> Iterator[FrameSummary]:
    """Yield the places of the `yield` that the SDK did not know what to do with, outermost first.

    The SDK fails then in a frame of its own, and no frame of the orchestrator is in the traceback.
    """
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_code is not _RESUMES:
        return
    generator = trace.tb_frame.f_locals["self"].generator
    while isinstance(generator, GeneratorType) and generator.gi_frame is not None:
        frame = generator.gi_frame
        yield FrameSummary(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        generator = generator.gi_yieldfrom
