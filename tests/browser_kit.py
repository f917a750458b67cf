"""A headless Chromium that tests type into, by its own debugging protocol."""

import asyncio
import json
import shutil
import subprocess
from contextlib import asynccontextmanager

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
          "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
          "--remote-allow-origins=*", "--window-size=1200,700"]  # fmt: skip


class Page:
    """A page: what it asked for, and keys to press in it."""

    def __init__(self, socket):
        self._socket, self._number = socket, 0
        self.asked = []

    async def call(self, method, **params):
        """One command of the protocol; its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            said = await self._socket.receive_json()
            if said.get("method") == "Network.requestWillBeSent":
                self.asked.append(said["params"]["request"]["url"])
            elif said.get("method") == "Network.webSocketCreated":
                self.asked.append(said["params"]["url"])
            elif said.get("id") == self._number:
                return said["result"]

    async def evaluate(self, script):
        """The value of an expression in the page."""
        return (await self.call("Runtime.evaluate", expression=script, returnByValue=True))["result"].get("value")

    async def until(self, script):
        """Wait for an expression to hold."""
        for _ in range(600):
            if await self.evaluate(script):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came true in the page: {script}")

    async def press(self, character):
        """A key that types a character."""
        code = {"key": character, "text": character, "windowsVirtualKeyCode": ord(character.upper())}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **code)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **code)


@asynccontextmanager
async def chromium(folder, address):
    """A page of a new Chromium, whose profile is in the folder, at an address."""
    from aiohttp import ClientSession

    started = subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port_file = folder / "DevToolsActivePort"
        for _ in range(600):
            if port_file.exists() and port_file.read_text().count("\n"):
                break
            await asyncio.sleep(0.05)
        port = port_file.read_text().split("\n")[0]
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                target = next(t for t in json.loads(await answer.text()) if t["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                await page.call("Network.enable")
                await page.call("Page.navigate", url=address)
                yield page
    finally:
        started.terminate()
        started.wait()
