"""The page of an edge, in a headless Chromium, with a real edge and cloud behind it."""

import json
import os
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "deploy"))

from browser import Browser  # noqa: E402
from program import BINARY, MODEL, SOURCE, Node, eventually, run  # noqa: E402

SCREENSHOT = os.environ.get("CECOLLM_PAGE_SCREENSHOT")
TOKENS = "[...document.querySelectorAll('#story .token')]"
DONE = "/^(Done|Stopped|Failed)/.test(document.getElementById('news').textContent)"
# What WCAG asks of normal text.
LEAST_CONTRAST = 4.5
CONTRASTS = """
(() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map(
        (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = {};
  for (const element of document.querySelectorAll(
      'h1, h1 span, dt, dd, li, label, .token, .prompt, .note, textarea, select, input, button:enabled, summary')) {
    const front = light(channels(getComputedStyle(element).color).slice(0, 3));
    const back = light(behind(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const name = element.tagName + '.' + element.className + '#' + element.id;
    found[name] = Math.min(found[name] || 99, ratio);
  }
  return found;
})()
"""


def get(url, body=None, key=None):
    request = urllib.request.Request(url, body and json.dumps(body).encode())
    if key:
        request.add_header("Authorization", "Bearer " + key)
    return urllib.request.urlopen(request, timeout=60).read().decode()


def setUpModule():
    global browser, folder, cloud, edge, locked, key, base, locked_base
    folder = tempfile.TemporaryDirectory()
    pki = Path(folder.name) / "pki"
    run(SOURCE / "deploy/pki/make-dev-pki.sh", pki)
    common = ["--model", MODEL, "--dtype", "fp32", "--threads", "1", "--log-level", "error"]
    trust = lambda name: ["--cert", pki / f"{name}.pem", "--key", pki / f"{name}.key",
                          "--ca", pki / "ca.pem"]
    cloud = Node(["cloud", *common, *trust("cloud"), "--listen", "127.0.0.1:0"])
    # A link on which a token of the cloud takes its time, and an edge that bears with it.
    edge = Node(["edge", *common, *trust("edge"), "--cloud", cloud.address(), "--no-adapt",
                 "--link", "rtt=40ms", "--http", "127.0.0.1:0", "--max-tokens", "80"])
    keys = Path(folder.name) / "api-keys"
    key = run(BINARY, "keys", "add", keys, "reader").stdout.strip()
    locked = Node(["edge", *common, "--mode", "standalone", "--http", "127.0.0.1:0",
                   "--api-keys", keys, "--max-tokens", "12"])
    base, locked_base = (f"http://{node.address()}" for node in (edge, locked))
    assert eventually(lambda: json.loads(get(base + "/v1/cecollm/status"))["link"]["rtt_ms"])
    browser = Browser()


def tearDownModule():
    browser.close()
    for node in (locked, edge, cloud):
        node.stop(60)
    folder.cleanup()


class PageCase(unittest.TestCase):
    def page(self, url=None, **look):
        page = browser.page(**look)
        self.addCleanup(page.close)
        page.open(url or base + "/")
        return page

    def ready(self, **look):
        page = self.page(**look)
        page.until("document.getElementById('model').textContent === 'default'")
        return page

    def write(self, page, prompt="Once upon a time"):
        page.value(f"document.getElementById('prompt').value = {json.dumps(prompt)}; "
                   "document.getElementById('prompt').focus()")
        page.press("Enter")

    def wait_for_end(self, page, outcome="Done"):
        page.until(DONE)
        news = page.value("document.getElementById('news').textContent")
        self.assertTrue(news.startswith(outcome), news)


class Writing(PageCase):
    def test_shows_the_text_of_the_api_coloured_by_source(self):
        expected = json.loads(get(base + "/v1/completions", {
            "prompt": "Once upon a time", "cecollm": {}}))["choices"][0]
        page = self.ready()
        self.write(page)
        self.wait_for_end(page)
        self.assertEqual(page.value("document.querySelector('.text').textContent"),
                         "Once upon a time" + expected["text"])
        shown = page.value(TOKENS + ".map((token) => [token.textContent, token.className])")
        classes = {"exit1": "token exit1", "exit2": "token exit2", "cloud": "token cloud",
                   "fallback": "token fallback"}
        told = [[token["text"], classes[token["source"]]]
                for token in expected["cecollm"]["tokens"] if token["text"]]
        self.assertEqual(shown[:len(told)], told)
        self.assertLessEqual({"token exit1", "token cloud"}, {name for _, name in shown})
        for part in ("backgroundColor", "borderBottomStyle"):
            looks = page.value(
                "['exit1', 'exit2', 'cloud', 'fallback'].map((name) => getComputedStyle("
                f"document.querySelector('#legend .' + name)).{part})")
            self.assertEqual(len(set(looks)), 4, looks)

    def test_shows_tokens_as_they_come(self):
        page = self.ready()
        self.write(page)
        page.until(TOKENS + ".length >= 3")
        self.assertEqual(page.value("document.getElementById('news').textContent"), "Writing…")
        self.wait_for_end(page)
        self.assertGreater(page.value(TOKENS + ".length"), 20)

    def test_stops_at_the_button_and_at_escape_and_the_edge_with_it(self):
        for stop in ("document.getElementById('stop').click()", None):
            page = self.ready()
            page.value("document.getElementById('max-tokens').value = 400; "
                       "document.getElementById('own-threshold').click(); "
                       "document.getElementById('threshold').value = 1.05")
            self.write(page)
            page.until(TOKENS + ".length >= 3")
            self.assertEqual(json.loads(get(base + "/v1/cecollm/status"))["generations"], 1)
            page.value(stop) if stop else page.press("Escape")
            self.wait_for_end(page, "Stopped")
            self.assertTrue(eventually(
                lambda: json.loads(get(base + "/v1/cecollm/status"))["generations"] == 0))
            self.assertTrue(page.value("document.getElementById('stop').disabled"))
            self.assertLess(page.value(TOKENS + ".length"), 100)

    def test_switches_mode_and_threshold(self):
        page = self.ready()
        page.value("document.getElementById('request-mode').value = 'standalone'")
        self.write(page)
        self.wait_for_end(page)
        self.assertNotIn("token cloud", page.value(TOKENS + ".map((token) => token.className)"))
        self.assertIn("100 % by the edge; 0 B sent", page.text())

        page = self.ready()
        page.value("document.getElementById('settings').open = true; "
                   "document.getElementById('own-threshold').click(); "
                   "document.getElementById('threshold').focus()")
        page.press("End")
        page.until("document.getElementById('threshold-value').textContent === '1.05'")
        page.value("document.getElementById('max-tokens').value = 8")
        self.write(page)
        self.wait_for_end(page)
        self.assertEqual(set(page.value(TOKENS + ".map((token) => token.className)")),
                         {"token cloud"})

    def test_keeps_the_messages_of_a_chat(self):
        if not json.loads(get(base + "/v1/cecollm/status"))["chat"]:
            self.assertTrue(self.ready().value("document.getElementById('kind').options[1].disabled"))
            return
        page = self.ready()
        page.value("document.getElementById('kind').value = 'chat';"
                   "document.getElementById('kind').dispatchEvent(new Event('change'));"
                   "document.getElementById('max-tokens').value = 8")
        said = []
        for message in ("Hello", "And then?"):
            said.append({"role": "user", "content": message})
            expected = json.loads(get(base + "/v1/chat/completions", {
                "messages": said, "max_tokens": 8}))["choices"][0]["message"]["content"]
            self.write(page, message)
            self.wait_for_end(page)
            self.assertEqual(page.value("[...document.querySelectorAll('.text')].pop().textContent"),
                             message + "\n" + expected)
            said.append({"role": "assistant", "content": expected})
            self.assertEqual(page.value("document.getElementById('prompt').value"), "")

    def test_says_what_the_api_refuses(self):
        page = self.ready()
        self.write(page, "word " * 2000)
        self.wait_for_end(page, "Failed")
        self.assertIn("context ends at", page.text())


class State(PageCase):
    def test_follows_mode_round_trip_goodput_and_share(self):
        get(base + "/v1/completions", {"prompt": "The fox"})
        page = self.ready()
        page.until("/^collaborative/.test(document.getElementById('mode').textContent)")
        rtt = page.value("parseFloat(document.getElementById('rtt').textContent)")
        self.assertGreater(rtt, 35)
        page.until("/B\\/s$/.test(document.getElementById('goodput').textContent)")
        self.assertRegex(page.value("document.getElementById('share').textContent"), r"^\d+\.\d %$")

    def test_asks_for_a_key_and_uses_it(self):
        page = self.page(locked_base + "/")
        page.until("/asks for an API key/.test(document.getElementById('mode').textContent)")
        self.assertEqual(page.focused(), "key")
        page.type("wrong")
        self.write(page)
        self.wait_for_end(page, "Failed")
        self.assertIn("none of this server's", page.text())
        page.value("document.getElementById('key').value = ''; document.getElementById('key').focus()")
        page.type(key)
        page.press("Tab")
        page.until("/^standalone/.test(document.getElementById('mode').textContent)")
        self.assertTrue(page.value("[...document.querySelectorAll('#request-mode option')]"
                                   ".filter((option) => option.disabled).length === 2"))
        self.write(page)
        self.wait_for_end(page)
        self.assertNotIn(key, page.text())


class Confined(PageCase):
    def test_asks_nobody_but_its_edge(self):
        page = self.ready()
        self.write(page)
        self.wait_for_end(page)
        self.assertEqual(page.complaints, [])
        self.assertTrue(page.requests)
        for url in page.requests:
            self.assertTrue(url.startswith((base + "/", "data:")), url)

    def test_runs_nothing_but_its_own_script(self):
        page = self.ready()
        page.value("(() => { const other = document.createElement('script');"
                   "other.textContent = 'window.intruder = true'; document.body.append(other); })()")
        self.assertIsNone(page.value("window.intruder"))
        self.assertTrue(any("Content Security Policy" in each for each in page.complaints))
        outside = page.value("fetch('http://127.0.0.1:1/').then(() => 'sent', () => 'kept')")
        self.assertEqual(outside, "kept")


class ForEverybody(PageCase):
    def test_fits_a_phone(self):
        for width in (320, 390):
            page = self.ready(width=width, height=700)
            self.write(page)
            self.wait_for_end(page)
            page.value("document.getElementById('settings').open = true")
            self.assertLessEqual(page.value("document.documentElement.scrollWidth"), width)
            outside = page.value(
                "[...document.querySelectorAll('input, select, textarea, button, dd, .token')]"
                ".map((each) => [each.id || each.textContent, each.getBoundingClientRect()])"
                f".filter(([, box]) => box.right > {width} || box.left < 0).map(([name]) => name)")
            self.assertEqual(outside, [])
            for button in ("send", "stop"):
                height = page.value(f"document.getElementById('{button}').offsetHeight")
                self.assertGreaterEqual(height, 44, button)

    def test_can_be_read_in_light_and_dark(self):
        backs = set()
        for dark in (False, True):
            page = self.ready(dark=dark)
            page.value("document.getElementById('settings').open = true")
            self.write(page)
            self.wait_for_end(page)
            backs.add(page.value("getComputedStyle(document.body).backgroundColor"))
            contrasts = page.value(CONTRASTS)
            self.assertGreater(len(contrasts), 15)
            for name, ratio in contrasts.items():
                self.assertGreaterEqual(ratio, LEAST_CONTRAST, f"{name}, dark: {dark}")
        self.assertEqual(len(backs), 2)

    def test_works_by_keyboard_alone(self):
        page = self.ready()
        reached = []
        for _ in range(12):
            page.press("Tab")
            reached.append(page.focused())
        for wanted in ("story", "prompt", "send", "SUMMARY"):
            self.assertIn(wanted, reached)
        while page.focused() != "SUMMARY":
            page.press("Tab")
        page.press("Enter")
        self.assertTrue(page.value("document.getElementById('settings').open"))
        reached = []
        for _ in range(5):
            page.press("Tab")
            reached.append(page.focused())
        self.assertEqual(reached, ["kind", "request-mode", "own-threshold", "max-tokens", "key"])
        while page.focused() != "own-threshold":
            page.press("Tab", modifiers=8)
        page.press(" ")
        page.press("Tab")
        self.assertEqual(page.focused(), "threshold")
        page.press("Home")
        while page.focused() != "prompt":
            page.press("Tab", modifiers=8)
        page.press("Enter")
        self.wait_for_end(page)
        # A threshold of 0 asks nobody.
        self.assertEqual(set(page.value(TOKENS + ".map((token) => token.className)")),
                         {"token exit1"})

    def test_names_every_control_for_a_screen_reader(self):
        page = self.ready()
        page.value("document.getElementById('settings').open = true")
        roles = {"textbox", "button", "combobox", "slider", "checkbox", "spinbutton"}
        nodes = [node for node in page.call("Accessibility.getFullAXTree")["nodes"]
                 if node.get("role", {}).get("value") in roles]
        self.assertGreaterEqual(len(nodes), 7)
        for node in nodes:
            self.assertTrue(node.get("name", {}).get("value"), node)
        live = page.value("document.getElementById('news').getAttribute('role')")
        self.assertEqual(live, "status")

    @unittest.skipUnless(SCREENSHOT, "only where a file is named for it")
    def test_is_shown_in_the_readme(self):
        page = self.ready(width=880, height=620)
        self.write(page)
        self.wait_for_end(page)
        page.value("document.activeElement.blur()")
        page.until("/B\\/s$/.test(document.getElementById('goodput').textContent)")
        page.screenshot(Path(SCREENSHOT))


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
