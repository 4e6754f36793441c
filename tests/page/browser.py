"""A headless Chromium, driven over the DevTools protocol by a pair of pipes: no port, no library."""

import base64
import itertools
import json
import os
import select
import subprocess
import tempfile
import time

PATIENCE = 60


class Page:
    """One tab. Remembers what it asked the network for and what went wrong in it."""

    def __init__(self, browser, width, height, dark=False):
        self.browser = browser
        self.requests, self.complaints = [], []
        target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget",
                                    {"targetId": target, "flatten": True})["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.call("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.call("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def call(self, method, parameters=None):
        return self.browser.call(method, parameters, self.session)

    def event(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"])[:500])

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def open(self, url):
        self.call("Page.navigate", {"url": url})
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, script):
        """Of an expression; of a promise, what it resolves to."""
        answer = self.call("Runtime.evaluate", {"expression": script, "awaitPromise": True,
                                                "returnByValue": True})
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, script, patience=PATIENCE):
        end = time.monotonic() + patience
        while not self.value(script):
            if time.monotonic() > end:
                raise AssertionError(f"never came true: {script}\n{self.text()}")
            time.sleep(0.05)

    def text(self):
        return self.value("document.body.innerText")

    def press(self, key, modifiers=0):
        """A key as a keyboard sends it; a character types itself."""
        codes = {"Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), " ": (32, " "),
                 "ArrowDown": (40, ""), "ArrowUp": (38, ""), "ArrowLeft": (37, ""),
                 "ArrowRight": (39, ""), "Home": (36, ""), "End": (35, "")}
        code, text = codes.get(key, (ord(key.upper()) if len(key) == 1 else 0, key))
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        down = {**event, "type": "keyDown" if text else "rawKeyDown"}
        if text:
            down["text"] = text
        self.call("Input.dispatchKeyEvent", down)
        self.call("Input.dispatchKeyEvent", {**event, "type": "keyUp"})

    def type(self, text):
        self.call("Input.insertText", {"text": text})

    def focused(self):
        return self.value("document.activeElement.id || document.activeElement.tagName")

    def screenshot(self, file):
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", {"targetId": self.target})


class Browser:
    def __init__(self, program="chromium"):
        self.folder = tempfile.TemporaryDirectory(prefix="cecollm-browser-")
        to_child, self.to = os.pipe()
        self.back, from_child = os.pipe()
        flags = ["--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run",
                 "--disable-dev-shm-usage", "--disable-background-networking",
                 "--disable-component-update", "--disable-default-apps", "--disable-sync",
                 "--force-color-profile=srgb", f"--user-data-dir={self.folder.name}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium refuses root otherwise; only our own page is shown
        # The browser reads commands from 3 and answers on 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_child} 4>&{from_child}', "bash", program, *flags],
            pass_fds=(to_child, from_child), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_child)
        os.close(from_child)
        self.numbers = itertools.count(1)
        self.rest = b""
        self.pages = {}

    def message(self, end):
        while b"\0" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise AssertionError("the browser does not answer")
            piece = os.read(self.back, 1 << 16)
            if not piece:
                raise AssertionError(f"the browser ended with {self.process.wait()}")
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, parameters=None, session=None):
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": parameters or {}}
        if session:
            command["sessionId"] = session
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        end = time.monotonic() + PATIENCE
        while True:
            message = self.message(end)
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]
            page = self.pages.get(message.get("sessionId"))
            if page:
                page.event(message.get("method"), message.get("params"))

    def page(self, width=1000, height=800, dark=False):
        return Page(self, width, height, dark)

    def close(self):
        os.close(self.to)  # the browser ends with its commands
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.back)
        self.folder.cleanup()
