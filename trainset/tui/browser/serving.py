"""Serves an application in a browser: each page is a process of its own, reached through this machine's loopback alone.

textual-serve carries what Textual draws to xterm.js. Around it stands a gate: each address begins with a random token,
so that neither other people of this machine nor other pages of the browser get in. No cookie is set, because browsers
would send it to every port of the machine.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import secrets
import shlex
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from trainset.tui.canvas.palette import BACKGROUND, FOREGROUND, hexadecimal

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware
    from aiohttp.web import Application, FileResponse, Request, Response, StreamResponse

HOST = "127.0.0.1"
_LOCAL = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
"""What a browser on this machine, or at the other end of a forwarded port, calls it: any other name was led here."""

_HERE = Path(__file__).parent
_PATIENCE = 2.0
"""Seconds that pages have to end when the server does."""


def gate(token: str) -> Middleware:
    """What lets only those pass who know the token, and whose browser means this machine and comes from its own page."""
    from aiohttp import web

    @web.middleware
    async def check(request: Request, handler: Handler) -> StreamResponse:
        given, own = request.path.split("/")[1], f"http://{request.host}"
        known = secrets.compare_digest(given.encode(errors="replace"), token.encode())
        if not known or not _LOCAL.fullmatch(request.host) or request.headers.get("Origin", own) != own:
            raise web.HTTPForbidden(text="Open the address that trainset printed.\n")
        return await handler(request)

    return check


async def _harden(request: Request, response: StreamResponse) -> None:
    """Nothing comes from elsewhere or tells elsewhere, nothing is kept, and no other page holds this one in a frame."""
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            f"connect-src 'self' ws://{request.host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
    )


def application(command: str, title: str, token: str) -> Application:
    """The page, the files that it loads, and the socket behind which `command` runs."""
    from aiohttp import web
    from textual_serve.server import Server

    server = Server(command)
    page = Template((_HERE / "page.html").read_text(encoding="utf-8"))
    files = {
        "page.js": _HERE / "page.js",
        "textual.js": server.statics_path / "js" / "textual.js",
        "xterm.css": server.statics_path / "css" / "xterm.css",
    }

    async def screen(request: Request) -> Response:
        colours = {"background": hexadecimal(BACKGROUND), "foreground": hexadecimal(FOREGROUND)}
        socket = f"ws://{request.host}/{token}/socket"
        text = page.substitute(colours, title=html.escape(title), socket=socket)
        return web.Response(text=text, content_type="text/html")

    async def file(request: Request) -> FileResponse:
        name = request.match_info["name"]
        if name not in files:
            raise web.HTTPNotFound
        return web.FileResponse(files[name])

    app = web.Application(middlewares=[gate(token)])
    app.on_response_prepare.append(_harden)
    app.router.add_get("/{token}/", screen)
    app.router.add_get("/{token}/socket", server.handle_websocket)
    app.router.add_get("/{token}/{name}", file)
    return app


def serve(words: Sequence[str], title: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve what `words` start (a command that runs a Textual application) until Ctrl+C or SIGTERM.

    `tell` is told the address once it works. Port 0 is one that is free. OSError where the port cannot be had,
    ModuleNotFoundError without textual-serve.
    """
    for name in ("TMUX", "STY", "ZELLIJ"):  # these are around this process, not around the browser
        os.environ.pop(name, None)
    os.environ["TRAINSET_DISPLAY"] = f"{os.environ.get('TRAINSET_DISPLAY', '')} graphics=none".strip()
    asyncio.run(_serve(shlex.join(words), title, port, tell))


async def _serve(command: str, title: str, port: int, tell: Callable[[str], None]) -> None:
    from aiohttp import web

    token = secrets.token_urlsafe(24)
    runner = web.AppRunner(application(command, title, token), access_log=None, shutdown_timeout=_PATIENCE)
    await runner.setup()
    over = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, over.set)
    try:
        await web.TCPSite(runner, HOST, port).start()
        tell(f"http://{HOST}:{runner.addresses[0][1]}/{token}/")
        await over.wait()
    finally:
        await runner.cleanup()
