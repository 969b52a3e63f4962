"""A self-hosted preference center for marketing communications."""

__version__ = "0.1.0"
