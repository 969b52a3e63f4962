"""Whether somebody's own words ask for no more mail. A few words say it; anything longer is for a person."""

from __future__ import annotations

import re
from enum import StrEnum

#: Lines that are looked at, below a greeting, and words of a line that still are "a few".
_LINES, _WORDS = 3, 12

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")

#: Say it whatever stands around them (but a no), by language: en, de, fr, es, pt, it, nl, sv, da, pl, cs, tr.
_PLAIN = frozenset(
    """
    unsubscribe unsubscribed unsub desubscribe
    abmelden abmeldung austragen abbestellen abbestellung
    désabonner désabonnement desabonner désinscrire désinscription desinscrire desinscription
    desuscribir desuscribirme desuscripción descadastrar descadastre
    disiscrivi disiscrivimi disiscrivermi disiscrizione
    afmelden uitschrijven avregistrera avprenumerera avprenumerere afmeld afmelding frameld
    wypisz wypisać odhlásit odhlásiť odhlaste
    """.split()
)
#: Say it where nothing but words of `_BESIDE` stands around them.
_SHORT = frozenset(
    """
    stop remove cancel quit end delete out optout off stopp stopper arrêtez arrêter arreter baja cancelar
    cancele basta parar sair stoppen stoppa
    """.split()
)
_BESIDE = frozenset(
    """
    please pls kindly me my us from this that these those the a your you i want to be would like all any
    every everything more further future now immediately it list lists mailing mailings mail mails email
    emails e newsletter newsletters message messages spam marketing subscription subscriptions send sending
    contact contacting write writing opt take thanks thank hi hello dear
    bitte mich meine mir keine alle alles danke hallo die den das diese mehr
    svp merci moi me les vos tous toutes tout bonjour ces envoyer de la le
    por favor darme dar mi de correos gracias hola todos todas suscripción
    """.split()
)
_ALL = frozenset(
    """
    all every everything any anything alle alles tout tous toutes todo todos todas tudo tutto tutti tutte alla
    allt
    """.split()
)
_NO = frozenset(
    "not never no non dont don't don’t won't won’t nicht nie pas jamais nunca não niet inte ikke".split()
)


class Says(StrEnum):
    NOTHING = "nothing"
    STOP = "stop"
    STOP_ALL = "stop_all"


def says(own_words: str) -> Says:
    """What the first lines of a text come to. A question, and a line with a "not" in it, say nothing."""
    lines = [line for line in own_words.splitlines() if line.strip()][:_LINES]
    return next((found for line in lines if (found := _line_says(line)) is not Says.NOTHING), Says.NOTHING)


def _line_says(line: str) -> Says:
    words = [word.casefold() for word in _WORD.findall(line[:400])]
    if len(words) > _WORDS or "?" in line or _NO.intersection(words):
        return Says.NOTHING
    short = _SHORT.intersection(words) and set(words) <= _SHORT | _BESIDE
    if not (short or _PLAIN.intersection(words)):
        return Says.NOTHING
    return Says.STOP_ALL if _ALL.intersection(words) else Says.STOP
