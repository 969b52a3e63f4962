"""One request for each operation that takes one, as the API's document shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ADA = {"email": "ada@example.com"}

#: By method and path.
EXAMPLES: Mapping[tuple[str, str], Any] = {
    ("POST", "/v1/subjects"): {
        "subjects": [
            {
                **_ADA,
                "external_id": "customer-4711",
                "country": "DE",
                "language": "de",
                "relationship": {"kind": "customer", "since": "2026-03-01T00:00:00Z"},
            }
        ]
    },
    ("POST", "/v1/choices"): {
        "choices": [
            {
                "subject": _ADA,
                "purpose": "newsletter",
                "action": "give",
                "source": "form",
                "occurred_at": "2026-11-23T09:30:00Z",
                "evidence": {
                    "wording": "Yes, send me the monthly newsletter.",
                    "url": "https://example.com/join",
                },
            }
        ]
    },
    ("POST", "/v1/decisions"): {
        "purpose": "newsletter",
        "recipients": [_ADA, {"external_id": "customer-4711"}],
    },
    ("POST", "/v1/links"): {"purpose": "newsletter", "campaign": "nov-2026", "recipients": [_ADA]},
    ("POST", "/v1/subjects/lookup"): _ADA,
    ("POST", "/v1/webhooks"): {
        "url": "https://example.com/hooks/prefcenter",
        "events": ["choice.recorded"],
        "description": "the shop",
    },
    ("PATCH", "/v1/webhooks/{id}"): {"state": "disabled"},
}
