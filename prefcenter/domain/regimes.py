"""The rules of a jurisdiction that `decide` asks for. One regime so far: opt-in, for everybody."""

from __future__ import annotations

from dataclasses import dataclass

from prefcenter.domain.facts import Facts


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """`soft_opt_in`: relationship kinds that may be written to about own similar goods until they object.
    `digital_age_bands`: age bands whose own yes is not valid."""

    name: str
    soft_opt_in: frozenset[str]
    digital_age_bands: frozenset[str]


def regime_of(_: Facts) -> Regime:
    """The regime that a person's facts put them under: so far the same for everybody."""
    return OPT_IN


#: Prior consent, with the soft opt-in of ePrivacy Art. 13(2) for customers.
OPT_IN = Regime(
    name="opt-in",
    soft_opt_in=frozenset({"customer", "client_user"}),
    digital_age_bands=frozenset({"under_13", "13_15"}),
)
