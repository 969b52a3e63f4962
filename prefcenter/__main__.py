"""`python -m prefcenter`."""

from prefcenter.cli import main

main()
