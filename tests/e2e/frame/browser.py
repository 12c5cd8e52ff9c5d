"""Headless Chromium, spoken to over its own pipe (DevTools protocol)."""
import base64
import json
import os
import shutil
import subprocess
import threading

from .wait import wait_until

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    def __init__(self, folder):
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def place():
            high = [os.dup(theirs_in), os.dup(theirs_out)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking", "--no-proxy-server",
             "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=place)
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = os.fdopen(ours_out, "wb", 0), os.fdopen(ours_in, "rb")
        self._answers, self._last, self._session = {}, 0, None
        self.complaints = []  # of the page: exceptions, the console, what its policy forbids
        threading.Thread(target=self._read, daemon=True).start()

    def new_page(self):
        """An empty one, in place of what was there."""
        self._session = None
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        for one in self.call("Target.getTargets")["targetInfos"]:
            if one["type"] == "page" and one["targetId"] != page:
                self.call("Target.closeTarget", targetId=one["targetId"])
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log":
            self.call(f"{domain}.enable")
        self.complaints = []

    def _read(self):
        data = b""
        while part := os.read(self._in.fileno(), 65536):
            *whole, data = (data + part).split(b"\0")
            for one in map(json.loads, whole):
                if "id" in one:
                    self._answers[one["id"]] = one
                elif one["method"] in ("Runtime.exceptionThrown", "Log.entryAdded"):
                    self.complaints.append(one["params"])
                elif one["method"] == "Runtime.consoleAPICalled":
                    self.complaints.append(one["params"])

    def call(self, method, **params):
        self._last += 1
        number = self._last
        request = {"id": number, "method": method, "params": params}
        if self._session:
            request["sessionId"] = self._session
        self._out.write(json.dumps(request).encode() + b"\0")
        answer = wait_until(lambda: self._answers.pop(number, None), f"{method} is answered", 60)
        assert "error" not in answer, answer
        return answer["result"]

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, url, width=1440, height=900, scheme="light"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=url)

    def press(self, key):
        for kind in "keyDown", "keyUp":
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode={"Tab": 9, "ArrowLeft": 37}.get(key, 0))

    def picture(self, path, **clip):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         **clip)["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))

    def close(self):
        self.process.kill()
        self.process.wait()
        self._out.close()
