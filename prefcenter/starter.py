"""What `prefcenter init` writes: a `prefcenter.toml` to edit and a `.env` with fresh keys."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from prefcenter.settings import FROM_FILE, VARIABLES

KEY_BYTES = 48

_CONFIG = """\
# Who may be mailed for what. After an edit: `prefcenter plan`, then `prefcenter apply`.
# A typo is an error that names the line; nothing is guessed.

[controller]                      # who speaks: shown on every page and in every mail
name = "Example Ltd"
postal_address = "1 Example Street, Example City"
email = "privacy@example.com"

[notice]                          # the privacy notice in force
version = "2026-11"
url = "https://example.com/privacy"
published = 2026-11-01
change = "substantial"            # minor, required_by_law: at once; substantial: in force 30 days later

# One section for each purpose. Its key stands in links and in every choice: never rename it, retire it.
[purposes.newsletter]
title = "Product newsletter"
description = "Monthly product news and tips."
kind = "marketing"                # marketing | service | disclosure | sale_or_sharing | tracking | profiling
channels = ["email"]              # email | sms | push | post | phone
basis = "consent"                 # or legitimate_interest; left out: as the person's regime asks
double_opt_in = true              # left out: as the regime asks
data = ["email", "name"]          # a category added later is a material change: people are asked again

[purposes.newsletter.de]          # title and description in another language
title = "Produkt-Newsletter"
description = "Monatlich Neues und Tipps zu unseren Produkten."

[purposes.events]
title = "Invitations"
description = "Invitations to our webinars and events, about four a year."
kind = "marketing"
channels = ["email"]
basis = "consent"
double_opt_in = false             # a yes on the preferences page counts without a confirmation by mail
data = ["email", "name"]

[purposes.events.de]
title = "Einladungen"
description = "Einladungen zu unseren Webinaren und Veranstaltungen, etwa vier im Jahr."

[purposes.offers]
title = "Offers for customers"
description = "Offers on products similar to what you bought."
kind = "marketing"
channels = ["email"]
basis = "legitimate_interest"     # the soft opt-in: customers, similar goods, a way to say no from the start
similar_to_purchase = true
data = ["email", "purchases"]

[purposes.offers.soft_opt_in]
offered_since = 2025-01-01
wording = "We may email you about similar products. You can say no here and in every email."

[purposes.offers.de]
title = "Angebote für Kundinnen und Kunden"
description = "Angebote zu Produkten, die Ihren Käufen ähnlich sind."

[purposes.account]
title = "Your account"
description = "Invoices and changes to your account."
kind = "service"                  # not a choice: needs a category and a why
category = "account"              # receipt | security | account | delivery | legal | outage
why = "We cannot run your account without them."
channels = ["email"]
basis = "contract"                # or legal_obligation, vital_interest
data = ["email", "name"]

[purposes.account.de]
title = "Ihr Konto"
description = "Rechnungen und Änderungen an Ihrem Konto."

[purposes.partner-offers]
title = "Offers from our partner"
description = "We give your address to Partner Inc, which then mails you its own offers."
kind = "disclosure"
channels = ["email"]
basis = "consent"
double_opt_in = true
recipients = ["partner-inc"]      # keys of [recipients.*]
data = ["email"]

[purposes.partner-offers.de]
title = "Angebote unseres Partners"
description = "Wir geben Ihre Adresse an Partner Inc weiter; von dort kommen dann eigene Angebote."

[recipients.partner-inc]          # a third party: named on the page, told by mail when a permission ends
name = "Partner Inc"
email = "privacy@partner.example"

# An account at a mailing provider. Secrets stay in the environment or in .env: "env:NAME" names them.
# [connections.main]
# provider = "postmark"
# purposes = { newsletter = "stream:broadcast", "*" = "all" }
# api_key = "env:POSTMARK_TOKEN"
# basic = ["env:POSTMARK_HOOK_LOGIN"]
"""


class StarterError(Exception):
    """A file stands in the way; nothing was written."""


def config_text() -> str:
    """An example catalog, commented, to be edited."""
    return _CONFIG


def env_text(*, secret_key: str, pepper: str) -> str:
    """A `.env` with these secrets set and every other variable explained."""
    given = {"PREFCENTER_SECRET_KEYS": secret_key, "PREFCENTER_PEPPER": pepper}
    lines = [
        "# Settings of prefcenter; the environment wins over this file. Holds secrets: keep it to yourself."
    ]
    for name, about in VARIABLES.items():
        lines += ["", f"# {about}"]
        if name in FROM_FILE:
            lines.append(f"# {name}_FILE may name a file that holds it instead.")
        lines.append(f"{name}={given[name]}" if name in given else f"#{name}=")
    return "\n".join(lines) + "\n"


def write_starter(folder: Path) -> list[Path]:
    """Writes both files into `folder` and returns their paths; overwrites nothing (StarterError)."""
    texts = {
        folder / "prefcenter.toml": (config_text(), 0o644),
        folder / ".env": (_fresh_env_text(), 0o600),
    }
    for path in texts:
        if os.path.lexists(path):
            raise StarterError(f"{path.name} is there already; move it away or use it, nothing was written")
    written: list[Path] = []
    try:
        for path, (text, mode) in texts.items():
            _create(path, text, mode)
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink()
        raise StarterError(f"{path.name} cannot be written ({error.strerror}); check the folder") from None
    return written


def _fresh_env_text() -> str:
    return env_text(secret_key=secrets.token_urlsafe(KEY_BYTES), pepper=secrets.token_urlsafe(KEY_BYTES))


def _create(path: Path, text: str, mode: int) -> None:
    """Creates the file with its mode from the first byte on; fails where anything has that name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
