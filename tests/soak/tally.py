"""The results: errors, expected or not, latencies, and the cost of the processes."""
import collections
import statistics
import threading
import time

KEPT = 20  # sentences per kind


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.done = collections.Counter()
        self.expected = collections.Counter()
        self.unexpected = collections.defaultdict(list)
        self.latencies = collections.defaultdict(list)
        self.excused_until, self.excuse = 0.0, ""

    def excuse_for(self, seconds, why):
        """A worker is about to die: what it was serving is lost, and nothing else may be."""
        with self.lock:
            self.excused_until, self.excuse = time.monotonic() + seconds, why

    def ok(self, who, began):
        with self.lock:
            self.done[who] += 1
            if time.monotonic() > self.excused_until:
                self.latencies[who].append(time.monotonic() - began)

    def failed(self, who, began, error):
        sentence = f"{type(error).__name__}: {error}"
        with self.lock:
            if began < self.excused_until:
                self.expected[f"{who} while {self.excuse}"] += 1
            elif len(self.unexpected[who]) < KEPT:
                self.unexpected[who].append(f"{time.strftime('%H:%M:%S')} {sentence[:200]}")

    def latency_lines(self):
        for who, times in sorted(self.latencies.items()):
            times = sorted(times)
            if times:
                yield (f"{who:<12} {len(times):>8} times, median "
                       f"{1000 * statistics.median(times):8.2f} ms, p99 "
                       f"{1000 * times[int(len(times) * 0.99)]:8.2f} ms, most "
                       f"{1000 * times[-1]:8.2f} ms")


class Costs:
    """Resident memory and descriptors of the master and of the worker nobody kills."""

    def __init__(self, proxy, worker):
        self.proxy, self.pids = proxy, {"master": proxy.pid, "worker": worker}
        self.rss = {name: [] for name in self.pids}

    def look(self):
        for name, pid in self.pids.items():
            self.rss[name].append(self.proxy.rss(pid))

    def descriptors(self):
        return {name: self.proxy.descriptors(pid) for name, pid in self.pids.items()}

    def growth(self, name):
        """KiB between the peaks of the third and of the last quarter."""
        samples = self.rss[name]
        quarter = max(1, len(samples) // 4)
        return max(samples[-quarter:]) - max(samples[-2 * quarter:-quarter] or samples)

    def lines(self):
        for name, samples in self.rss.items():
            half = samples[len(samples) // 2:]
            yield (f"{name:<7} RSS first {samples[0]} KiB, most {max(samples)}, last "
                   f"{samples[-1]}; second half {min(half)} to {max(half)}; growth of the last "
                   f"quarter {self.growth(name)} KiB")
