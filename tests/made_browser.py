"""Chromium with one page, driven by real keys and clicks over DevTools' pipe."""

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CHROMIUM = shutil.which("chromium")
WIDE, LOW, SMALL, PHONE = (1280, 720), (1024, 540), (800, 600), (390, 844)
# DevTools reads from file descriptor 3 and writes to 4.
LAUNCH = (
    "import fcntl,os,sys; a,b=(fcntl.fcntl(int(one),fcntl.F_DUPFD,10) for one in sys.argv[1:3]); "
    "os.dup2(a,3); os.dup2(b,4); os.execv(sys.argv[3],sys.argv[3:])"
)
KEYS = {" ": ("Space", 32), "Escape": ("Escape", 27), "ArrowLeft": ("ArrowLeft", 37), "ArrowUp": ("ArrowUp", 38)}
KEYS |= {"ArrowRight": ("ArrowRight", 39), "ArrowDown": ("ArrowDown", 40), "Tab": ("Tab", 9), "Enter": ("Enter", 13)}
SHIFT = 8


class Browser:
    """Chromium with one page."""

    def __init__(self, profile: Path) -> None:
        self.log: list[str] = []
        self._number, self._rest = 0, b""
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--force-color-profile=srgb",
            "--remote-debugging-pipe",
        ]
        command = [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), str(CHROMIUM), *options]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._receive()
            if found.get("id") == self._number:
                assert "error" not in found, (method, found)
                return found["result"]
            if found.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                self.log.append(json.dumps(found["params"])[:500])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._in, 1 << 20)
            assert data, "chromium has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, url: str, size: tuple[int, int] = WIDE, *, dark: bool = False) -> None:
        self.size(*size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && document.getElementById('bar').getAttribute('aria-valuetext')")

    def size(self, width: int, height: int) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def value(self, expression: str) -> Any:
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 15) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.value(expression)
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"never so: {expression}\n{self.log}\n{self.value('document.body.innerText')}")

    def shown(self, frame: str) -> None:
        self.wait(f"document.getElementById('work').dataset.shown === '{frame}'")

    def asked(self, frame: str) -> None:
        self.wait(f"document.getElementById('work').dataset.asked === '{frame}'")

    def followed(self) -> None:
        self.wait("document.getElementById('followed').textContent === '1–3 follow the scene'")
        self.wait("[...document.querySelectorAll('#crops figure')].every((figure) => figure.dataset.spot)")

    def down(self, key: str, modifiers: int = 0, *, repeat: bool = False) -> None:
        code, number = KEYS.get(key, (key, ord(key.upper()) if len(key) == 1 else 0))
        text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        self._key("keyDown" if text else "rawKeyDown", key, code, number, modifiers, autoRepeat=repeat, **text)

    def up(self, key: str) -> None:
        code, number = KEYS.get(key, (key, ord(key.upper()) if len(key) == 1 else 0))
        self._key("keyUp", key, code, number, 0)

    def _key(self, kind: str, key: str, code: str, number: int, modifiers: int, **more: Any) -> None:
        names = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
        self.send("Input.dispatchKeyEvent", type=kind, **names, **more)

    def press(self, key: str, modifiers: int = 0) -> None:
        self.down(key, modifiers)
        self.up(key)

    def type(self, text: str) -> None:
        for letter in text:
            self.press(letter)

    def drag_between(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        held = {"button": "left", "buttons": 1}
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=begin[0], y=begin[1], clickCount=1, **held)
        for share in (0.25, 0.5, 0.75, 1.0):
            x, y = (a + share * (b - a) for a, b in zip(begin, end, strict=True))
            self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, **held)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], button="left", clickCount=1)

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def box(self, selector: str) -> dict[str, float]:
        return self.value(f"(() => document.querySelector({selector!r}).getBoundingClientRect().toJSON())()")

    def click_on(self, selector: str) -> None:
        box = self.box(selector)
        self.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def screenshot(self, path: Path | None = None) -> np.ndarray:
        data = b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        if path:
            path.write_bytes(data)
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    def close(self) -> None:
        self._session = None
        self.send("Browser.close")
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)
