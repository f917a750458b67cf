"""`trainset review --web`: the review screen in a browser, for whoever has the address."""

import asyncio
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .browser_kit import CHROMIUM, chromium
from .command import states, trainset

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")


@contextmanager
def serving(root, *words):
    """The address of a server that runs on a data set; it must end as it should."""
    command = [sys.executable, "-m", "trainset", "review", "--web", "--reviewer", "ana", *words]
    served = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert select.select([served.stdout], [], [], 60)[0]
        yield served.stdout.readline().strip()
        served.send_signal(signal.SIGINT)
        assert served.wait(30) == 0
    finally:
        served.kill()
        served.wait()
        served.stdout.close()


async def status(address, **headers):
    """What a GET of an address comes to."""
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
        return answer.status


def test_only_who_has_the_address_gets_anything(parts):
    async def ask(address):
        at = urlsplit(address)
        site, token = f"{at.scheme}://{at.netloc}", at.path.strip("/")
        assert len(token) >= 32 and at.hostname == "127.0.0.1"
        for name in ("", "textual.js", "xterm.css"):
            assert await status(address + name) == 200
        for name in ("", "textual.js", "xterm.css", "socket"):
            for wrong in ("", "x" * len(token), token[:-1], "static", "%ff"):
                assert await status(f"{site}/{wrong}/{name}") == 403
        assert await status(site) == 403 and await status(f"{site}/ws") == 403
        assert await status(f"{address}server.py") == 404 and await status(f"{address}../x") == 403
        assert await status(address, Host="localhost:9") == 200
        for elsewhere in ("evil.example", f"127.0.0.1.evil.example:{at.port}", "evil.example:127.0.0.1"):
            assert await status(address, Host=elsewhere) == 403

        async with aiohttp.ClientSession() as session:
            for socket, origin in ((f"{site}/{'x' * len(token)}/socket", site), (f"{address}socket", "http://127.0.0.1:1"),
                                   (f"{address}socket", "null")):  # fmt: skip
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(socket, headers={"Origin": origin})
                assert refused.value.status == 403

    with serving(parts) as address:
        asyncio.run(ask(address))


def test_it_listens_on_the_loopback_alone(parts):
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("the kernel does not tell who listens")
    with serving(parts) as address:
        places = [line.split()[1].split(":") for line in table.read_text().splitlines()[1:]]
    assert {host for host, port in places if int(port, 16) == urlsplit(address).port} == {"0100007F"}


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_an_item_is_decided_in_a_browser(parts, tmp_path):
    async def decide(address):
        async with chromium(tmp_path / "profile", address) as page:
            await page.until("document.body.classList.contains('-first-byte')")
            for _ in range(120):
                await page.press("N")  # dropped until the item was seen
                await asyncio.sleep(0.5)
                if "reviewed" in states(parts).values():
                    break
            await page.press("q")
            await asyncio.sleep(1)
            await page.press("q")  # what is not committed may stay so
            await page.until("document.body.classList.contains('-closed')")
            return page.asked

    with serving(parts) as address:
        asked = asyncio.run(decide(address))
    netloc = urlsplit(address).netloc
    assert {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "about:", "blob:"))} == {netloc}
    files = list((parts / "labels" / "decisions").rglob("*.jsonl"))
    assert len(files) == 1 and b'"verdict":"corrected"' in files[0].read_bytes()


def test_what_keeps_a_review_from_opening_is_said_before_anything_is_served(parts):
    assert "no task 'cats'" in trainset("review", "--web", "--task", "cats", cwd=parts, code=2).err
