"""Stand-ins: each provider's API in memory, made from its documentation, to try a connection without an
account and to test against. `python -m email_hooks.stand_ins postmark --hook URL`."""
