"""A measured figure, and what was promised of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` is a ratio within one run unless its name says the unit."""

    name: str
    value: float
    detail: str
    at_least: float | None = None
    at_most: float | None = None
    goal: float | None = None

    @property
    def kept(self) -> bool | None:
        """None where nothing was promised."""
        if self.at_least is not None:
            return self.value >= self.at_least
        if self.at_most is not None:
            return self.value <= self.at_most
        return None

    def line(self) -> str:
        bound = (
            f"at least {self.at_least:g}"
            if self.at_least is not None
            else f"at most {self.at_most:g}"
            if self.at_most is not None
            else ""
        )
        goal = f" (goal {self.goal:g})" if self.goal is not None else ""
        verdict = {True: "kept", False: "MISSED", None: ""}[self.kept]
        return f"| {self.name} | {self.value:.3g} | {bound}{goal} | {verdict} | {self.detail} |"
