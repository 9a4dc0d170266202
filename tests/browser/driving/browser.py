"""A headless Chromium that looks at one platform through a proxy which sees all that it asks for.

The proxy adds the key, hands on what is asked of the platform, and refuses, but notes, anything
else: whatever a page fetches from elsewhere shows.
"""

import http.client
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PLATFORM = "platform.test"
"""The host by which the browser knows the platform."""
SECONDS = 120

_CONSOLE = re.compile(r"INFO:CONSOLE[^\]]*\] \"(.*)\", source")
_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--proxy-bypass-list=<-loopback>",
    "--enable-logging=stderr",
    "--log-level=0",
)


def chromium() -> str | None:
    """Where the browser is, if this machine has one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Seen:
    """What the browser asked for, and what its console said."""

    asked: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)


@dataclass
class Browser:
    """Runs one page at a time; `inserted` is put before the page's end, `replaced` changes it."""

    program: str
    origin: str
    authorization: Mapping[str, str]
    seen: Seen = field(default_factory=Seen)
    inserted: str = ""
    replaced: tuple[str, str] = ("", "")
    port: int = 0

    def dom(self, path: str, width: int = 1200, height: int = 1600) -> str:
        """The page's document once it has loaded."""
        return self._run(path, "--dump-dom", f"--window-size={width},{height}").decode()

    def printed(self, path: str, pdf: Path) -> bytes:
        """The page on paper."""
        self._run(path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
        return pdf.read_bytes()

    def picture(self, path: str, png: Path, width: int = 1200, height: int = 1600) -> bytes:
        """The page on a screen."""
        self._run(path, f"--screenshot={png}", f"--window-size={width},{height}")
        return png.read_bytes()

    def _run(self, path: str, *options: str) -> bytes:
        self.seen = Seen()
        with tempfile.TemporaryDirectory() as profile:
            command = [
                self.program,
                *_QUIET,
                f"--user-data-dir={profile}",
                f"--proxy-server=http://127.0.0.1:{self.port}",
                *options,
                f"http://{PLATFORM}{path}",
            ]
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
        self.seen.console = _CONSOLE.findall(done.stderr.decode(errors="replace"))
        return done.stdout

    def fetch(self, path: str) -> tuple[int, str, bytes]:
        """What the platform says, as the browser shall see it."""
        parts = urlsplit(self.origin)
        line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
        try:
            line.request("GET", path, headers={**self.authorization, "Accept": "text/html"})
            answer = line.getresponse()
            body, kind = answer.read(), answer.headers.get("content-type", "")
        finally:
            line.close()
        if kind.startswith("text/html"):
            text = body.decode().replace(*self.replaced) if self.replaced[0] else body.decode()
            body = text.replace("</body>", f"{self.inserted}</body>").encode()
        return answer.status, kind, body


def _handler(browser: Browser) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            browser.seen.asked.append(self.path)
            parts = urlsplit(self.path)
            if parts.hostname != PLATFORM:
                self.send_error(403)
                return
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            status, kind, body = browser.fetch(path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self) -> None:
            browser.seen.asked.append(self.path)
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nothing: what was asked is kept."""

    return Handler


@contextmanager
def opened(program: str, origin: str, authorization: Mapping[str, str]) -> Iterator[Browser]:
    """A browser that sees the platform at `origin`, asked with these headers."""
    browser = Browser(program, origin, authorization)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(browser)) as server:
        browser.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield browser
        server.shutdown()
        thread.join()
