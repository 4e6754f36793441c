"""Clients of the edges' HTTP API, each with one request at a time."""

import http.client
import json
import random
import threading
import time

PROMPTS = ("Once upon a time", "The little dog", "One day, a girl named", "It was raining and",
           "They went to the park because", "\"I am so happy,\" said")
PATIENCE = 90  # seconds for one response; no fault lasts so long


class Client(threading.Thread):
    """Asks one edge again and again; notes what came of it. A request is lost where it got no
    complete answer, or fewer tokens than it asked for."""

    def __init__(self, edge, seed, think_time):
        super().__init__(daemon=True)
        self.host, port = edge.address.rsplit(":", 1)
        self.port = int(port)
        self.random = random.Random(seed)
        self.think_time = think_time
        self.stopping = threading.Event()
        self.answered = 0
        self.cancelled = 0
        self.refused = 0  # told to come again
        self.tokens = 0
        self.sources = {}
        self.seconds = []
        self.lost = []

    def run(self):
        while not self.stopping.wait(self.random.uniform(0, 2 * self.think_time)):
            count = self.random.randint(1, 60)
            stream = self.random.random() < 0.5
            begin = time.monotonic()
            try:
                self.ask(count, stream, leave=stream and self.random.random() < 0.15)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.lost.append(f"{error!r} after {time.monotonic() - begin:.1f} s")
            else:
                self.seconds.append(time.monotonic() - begin)

    def ask(self, count, stream, leave):
        body = {"prompt": self.random.choice(PROMPTS), "max_tokens": count, "ignore_eos": True,
                "temperature": self.random.choice((0, 0.8)), "stream": stream, "cecollm": {}}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.request("POST", "/v1/completions", json.dumps(body),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status in (429, 503):
                response.read()
                self.refused += 1
            elif response.status != 200:
                raise ValueError(f"status {response.status}: {response.read()[:200]!r}")
            elif stream:
                self.take_stream(response, count, leave)
            else:
                self.take(json.loads(response.read()), count)
        finally:
            connection.close()

    def take(self, answer, count):
        tokens = answer["choices"][0]["cecollm"]["tokens"]
        self.count(tokens)
        self.complete(len(tokens), count)

    def take_stream(self, response, count, leave):
        got = 0
        leave_at = self.random.randint(0, count)
        for line in response:
            if not line.startswith(b"data: "):
                continue
            if line.strip() == b"data: [DONE]":
                self.complete(got, count)
                return
            chunk = json.loads(line[6:])
            for choice in chunk["choices"]:
                tokens = choice.get("cecollm", {}).get("tokens", [])
                self.count(tokens)
                got += len(tokens)
            if leave and got >= leave_at:
                self.cancelled += 1
                return
        raise ValueError(f"a stream ended after {got} of {count} tokens")

    def count(self, tokens):
        self.tokens += len(tokens)
        for token in tokens:
            self.sources[token["source"]] = self.sources.get(token["source"], 0) + 1

    def complete(self, got, count):
        if got != count:
            raise ValueError(f"{got} tokens in the place of {count}")
        self.answered += 1
