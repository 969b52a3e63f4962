"""Fetching a certificate: from a real server, which does not always mean well."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from email_hooks import NotAuthentic, NotConfigured
from email_hooks.certificates import fetch_certificate

PEM = b"-----BEGIN CERTIFICATE-----"


class Site(BaseHTTPRequestHandler):
    """By the path: a status, or `long` and `hanging` bodies."""

    ended = threading.Event()

    def do_GET(self):
        what = self.path.strip("/")
        self.send_response(int(what) if what.isdigit() else 200)
        if what == "302":
            self.send_header("location", "/200")
        self.end_headers()
        self.wfile.write(PEM)
        if what == "long":
            self.wfile.write(b"x" * 200_000)
        if what == "hanging":
            # Byte after byte, each in time.
            while not self.ended.wait(0.02):
                self.wfile.write(b"x")

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Site.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_there_is_brought(site):
    assert fetch_certificate(f"{site}/200") == PEM


@pytest.mark.parametrize("status", [302, 403, 404])
def test_a_redirect_is_not_followed_and_what_is_not_there_is_no_certificate(site, status):
    with pytest.raises(NotAuthentic, match=str(status)):
        fetch_certificate(f"{site}/{status}")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_there_is_no_forgery(site, status):
    with pytest.raises(NotConfigured, match=str(status)):
        fetch_certificate(f"{site}/{status}")


def test_a_long_answer_is_cut_off(site):
    with pytest.raises(NotAuthentic, match="too long"):
        fetch_certificate(f"{site}/long")


def test_a_slow_answer_is_given_up(site):
    with pytest.raises(NotConfigured, match="in time"):
        fetch_certificate(f"{site}/hanging", seconds=0.3)


def test_a_site_that_cannot_be_reached_is_our_trouble():
    with pytest.raises(NotConfigured, match="cannot be fetched"):
        fetch_certificate("http://127.0.0.1:9/x", seconds=0.5)


def test_proxies_of_the_environment_are_not_used(site, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert fetch_certificate(f"{site}/200") == PEM
