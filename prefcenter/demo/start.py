"""`/demo`: what to try, who the sample people are, and lines to paste into a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from prefcenter.demo.context import DEMO_NAV
from prefcenter.demo.people import PEOPLE
from prefcenter.web.state import page


@dataclass(frozen=True, slots=True)
class Try:
    title: str
    command: str


def curl_lines(base_url: str, api_key: str) -> list[Try]:
    """Calls of the API that work as they stand."""

    def post(path: str, body: str) -> str:
        return (
            f"curl {base_url}{path} \\\n  -H 'Authorization: Bearer {api_key}' \\\n"
            f"  -H 'Content-Type: application/json' \\\n  -d '{body}'"
        )

    people = '[{"email": "ada@example.com"}, {"email": "emeka@example.org"}, {"email": "nobody@example.net"}]'
    choice = (
        '{"choices": [{"subject": {"email": "ben@example.org"}, "purpose": "newsletter", '
        '"action": "withdraw", "source": "operator"}]}'
    )
    return [
        Try(
            "May we send them the newsletter?",
            post("/v1/decisions", f'{{"purpose": "newsletter", "recipients": {people}}}'),
        ),
        Try("Ben told support to stop it", post("/v1/choices", choice)),
        Try(
            "Links and headers for a mailing",
            post("/v1/links", '{"purpose": "newsletter", "recipients": [{"email": "ada@example.com"}]}'),
        ),
        Try(
            "Everything that happened, in order",
            f"curl '{base_url}/v1/changes?after=0' -H 'Authorization: Bearer {api_key}'",
        ),
    ]


class Start:
    """`api_key`, and `question_path`, a page that asks somebody, are known once the demo is set up."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self.api_key = ""
        self.question_path = ""

    @property
    def routes(self) -> list[BaseRoute]:
        return [Route("/", self._root), Route("/demo", self._show)]

    async def _root(self, request: Request) -> Response:
        return RedirectResponse("/demo")

    async def _show(self, request: Request) -> Response:
        return page(
            request,
            "demo/start",
            here="/demo",
            nav=DEMO_NAV,
            api_key=self.api_key,
            question_path=self.question_path,
            asked=PEOPLE[0],
            lines=curl_lines(self._base_url, self.api_key),
            people=PEOPLE,
        )
