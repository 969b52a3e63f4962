"""Receivers that answer as a test asks, in the place of the HTTP client (which has tests of its own)."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from prefcenter.domain.delivery import Answer

TAKEN = Answer(status=204)


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receivers:
    """`answers` gives the answer to a post. URLs in `hanging` are not answered before `let_go`."""

    answers: Callable[[Post], Answer] = lambda post: TAKEN
    hanging: set[str] = field(default_factory=set)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    posts: list[Post] = field(default_factory=list)
    in_flight: Counter[str] = field(default_factory=Counter)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        post = Post(url=url, headers=headers, body=body)
        self.posts.append(post)
        self.in_flight[url] += 1
        async with self._arrived:
            self._arrived.notify_all()
        try:
            if url in self.hanging:
                await self.let_go.wait()
            return self.answers(post)
        finally:
            self.in_flight[url] -= 1

    async def have_heard(self, number: int) -> None:
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.posts) >= number)
