"""One decision that fails closed: what goes wrong for one recipient is a no, and costs nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import structlog

from prefcenter.domain.decide import Decision

log = structlog.get_logger(__name__)

P = ParamSpec("P")

#: The answer for whoever no answer could be found for.
ERROR = Decision(allowed=False, reason="error")


def decide_safely(decide: Callable[P, Decision], *args: P.args, **kwargs: P.kwargs) -> Decision:
    """`decide` of these arguments; ERROR where it raises.

    What it raised is logged by its kind and place alone: its words might hold an address. Reading what
    decides, such as a fact that may be unreadable, belongs inside of `decide`.
    """
    try:
        return decide(*args, **kwargs)
    except Exception as error:
        log.error("a decision failed and was answered with no", error=type(error).__name__, at=_place(error))
        return ERROR


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
