"""What befalls the processes, drawn from a seed."""

import random
import signal
import threading
import time


KINDS = ("cut", "stall_link", "stall_cloud", "reload_edge", "kill_cloud", "dismiss_cloud")


class Faults(threading.Thread):
    """One fault of `kinds` every `interval` seconds on average, until stopped. A cloud is replaced only
    before `last_restart` (monotonic time), so that one lives long enough to show a leak."""

    def __init__(self, topology, kinds, seed, interval, last_restart):
        super().__init__(daemon=True)
        self.topology = topology
        self.kinds = kinds
        self.random = random.Random(seed)
        self.interval = interval
        self.last_restart = last_restart
        self.stopping = threading.Event()
        self.counts = {}
        self.problem = None

    def run(self):
        try:
            while not self.stopping.wait(self.random.uniform(0.5, 1.5) * self.interval):
                self.befall()
        except Exception as error:  # reported as the soak's failure
            self.problem = f"a fault could not be brought about: {error!r}"

    def befall(self):
        late = time.monotonic() >= self.last_restart
        kinds = [kind for kind in self.kinds if not (late and kind in ("kill_cloud", "dismiss_cloud"))]
        if not kinds:
            return
        kind = self.random.choice(kinds)
        with self.topology.lock:
            if self.stopping.is_set():
                return
            getattr(self, kind)()
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def pause(self, most):
        time.sleep(self.random.uniform(0.1, most))

    def cut(self):
        """The link is gone: connections end, and new ones are refused for a while."""
        self.topology.relay.end(signal.SIGKILL)
        self.pause(5)
        self.topology.relay = self.topology.start_relay()

    def stall_link(self):
        self.topology.relay.send(signal.SIGSTOP)
        self.pause(6)
        self.topology.relay.send(signal.SIGCONT)

    def stall_cloud(self):
        self.topology.cloud.send(signal.SIGSTOP)
        self.pause(6)
        self.topology.cloud.send(signal.SIGCONT)

    def reload_edge(self):
        """Settings and certificates are read anew."""
        self.random.choice(self.topology.edges).send(signal.SIGHUP)

    def kill_cloud(self):
        self.replace_cloud(signal.SIGKILL)

    def dismiss_cloud(self):
        self.replace_cloud(signal.SIGTERM)

    def replace_cloud(self, signal_number):
        self.topology.cloud.end(signal_number)
        self.pause(4)
        self.topology.cloud = self.topology.start_cloud()

    def stop(self):
        self.stopping.set()
        self.join()
