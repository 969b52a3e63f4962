"""Trouble that whoever typed the command can mend."""


class CommandError(Exception):
    """The message says what is wrong and what to do."""
