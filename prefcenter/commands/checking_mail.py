"""`check --eml`: a mail as it goes out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from prefcenter.commands.checking import Finding, print_findings
from prefcenter.commands.errors import CommandError
from prefcenter.links import BadLink, Links
from prefcenter.mail import check_mail as mails
from prefcenter.settings import Settings


async def check_mail(settings: Settings, path: Path) -> int:
    """Print what is right and wrong with a mail file (`-`: standard input); 1 where it must be mended."""
    raw = _read(path)
    links = Links([key.reveal().encode() for key in settings.secret_keys])
    remarks = mails.check_mail(
        raw,
        is_our_stop=lambda token: _reads(lambda: links.read_stop(token)),
        is_our_feedback=lambda about, signed: _reads(lambda: links.read_feedback(about, signed)),
    )
    return print_findings([Finding(one.level, one.field, one.text) for one in remarks])


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise CommandError(f"--eml: {path.name} cannot be read ({error.strerror})") from error


def _reads(read: Callable[[], object]) -> bool:
    try:
        read()
    except BadLink:
        return False
    return True
