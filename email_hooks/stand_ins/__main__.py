"""`python -m email_hooks.stand_ins NAME [--port P] [--hook URL]`: a provider's API here, in memory.

`POST /_person/unsubscribe?address=…&scope=…` acts as a recipient there. It keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from email_hooks.events import ALL
from email_hooks.http import Ask, Reply
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import HOOK_URL, StandIn, answer
from email_hooks.stand_ins.registry import STAND_INS

_PERSON = "/_person/unsubscribe"
_BODY_CAP = 16 * 1024 * 1024
_HOOK_SECONDS = 10.0


class Running:
    """A stand-in that is served; one request at a time reaches it."""

    def __init__(self, stand_in: StandIn, hook: str | None) -> None:
        self._stand_in = stand_in
        self._hook = hook
        self._lock = threading.Lock()

    def answer(self, ask: Ask) -> Reply:
        with self._lock:
            reply = self._act(ask) if urlsplit(ask.url).path == _PERSON else self._stand_in.handle(ask)
            # What it was asked is for tests; here it would only grow.
            self._stand_in.calls.clear()
        threading.Thread(target=self.tell, daemon=True).start()
        return reply

    def _act(self, ask: Ask) -> Reply:
        query = parse_qs(urlsplit(ask.url).query)
        address, scope = query.get("address", [""])[0], query.get("scope", [ALL])[0]
        if ask.method != "POST" or "@" not in address or scope not in self._stand_in.scopes:
            scopes = ", ".join(self._stand_in.scopes)
            return answer(
                400, {"message": f"POST {_PERSON}?address=ana@example.com&scope=…; scopes: {scopes}"}
            )
        self._stand_in.know(address)
        self._stand_in.unsubscribe(address, scope)
        return answer(200, {"unsubscribed": address, "scope": scope})

    def tell(self) -> None:
        """Post the webhooks that wait, oldest first; each is tried once."""
        while True:
            with self._lock:
                if not self._stand_in.hooks:
                    return
                request = self._stand_in.hooks.popleft()
            if self._hook is None:
                continue
            try:
                print(f"hook: answered {_post(request)}", flush=True)
            except (OSError, HTTPException) as error:
                print(f"hook: {error}", file=sys.stderr, flush=True)


def _post(request: HookRequest) -> int:
    """The status of the answer. Raises OSError and HTTPException."""
    url = urlsplit(request.url)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.netloc, timeout=_HOOK_SECONDS)
    try:
        target = url.path + (f"?{url.query}" if url.query else "")
        connection.request(request.method, target or "/", request.body, dict(request.headers))
        return connection.getresponse().status
    finally:
        connection.close()


def handler_of(running: Running) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = self.headers.get("content-length", "0")
            if not length.isdigit() or int(length) > _BODY_CAP:
                self.close_connection = True
                self._send(answer(413, {"message": "give a content-length of at most 16 MiB"}))
                return
            body = self.rfile.read(int(length))
            ask = Ask(method=self.command, url=self.path, headers=dict(self.headers.items()), body=body)
            self._send(running.answer(ask))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Requests may name addresses."""

    return Handler


def connection_toml(stand_in: StandIn, base_url: str) -> str:
    """The connection to paste into prefcenter.toml; its made-up secrets are good for nothing else."""
    options = {name: value for name, value in stand_in.config(base_url).items() if name != "scopes"}
    scope = next((one for one in stand_in.scopes if one != ALL), ALL)
    lines = [
        "[connections.trial]",
        f'provider = "{stand_in.name}"',
        f'purposes = {{ newsletter = "{scope}" }}',
    ]
    lines += ["private = true", *(f"{name} = {_toml(value)}" for name, value in options.items())]
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(str(key))} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m email_hooks.stand_ins", description=__doc__)
    parser.add_argument("name", choices=sorted(STAND_INS), help="the provider")
    parser.add_argument("--port", type=int, default=8025, help="0: any that is free")
    parser.add_argument("--hook", help="where its webhooks go: https://…/hooks/trial")
    given = parser.parse_args(arguments)
    if given.hook is not None and urlsplit(given.hook).scheme not in ("http", "https"):
        parser.error("--hook: give a URL that begins with http:// or https://")
    stand_in = STAND_INS[given.name](hook_url=given.hook or HOOK_URL)
    with ThreadingHTTPServer(("127.0.0.1", given.port), handler_of(Running(stand_in, given.hook))) as server:
        server.daemon_threads = True
        base = f"http://127.0.0.1:{server.server_port}"
        print(f"{connection_toml(stand_in, base)}\n\n# {base}{_PERSON} acts as a recipient", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
