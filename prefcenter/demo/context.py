"""What every page of the demo shows around its own."""

from __future__ import annotations

#: Path and name of each page, in order.
DEMO_NAV = (("/demo", "Start"), ("/demo/inbox", "Mailbox"), ("/demo/tool", "Marketing tool"))
