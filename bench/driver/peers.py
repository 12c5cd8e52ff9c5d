"""The servers that are compared: wlbproxy and its peers, each with one worker on one CPU,
the same certificate, ciphers and groups, and kept-alive backend connections where it can."""
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import time

CIPHERS = ("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
           "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
GROUPS = "X25519:P-256:P-384"
BACKEND_CONNECTIONS = 64


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid):
    """The process and all below it."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            pids += family(int(child))
    return pids


def replace(path, text):
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.rename(path)


class Server:
    """One server at work. Subclasses say how it is configured and started."""

    name = None
    programs = ()
    version_command = ()
    path = None  # of the program, where it is not the installed one
    ours = False

    def __init__(self, folder, certificate, backend_port, cpus, workers=1, tools=None,
                 services=1):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.cert, self.key = self.folder / "server.pem", self.folder / "server.key"
        self.merged = self.folder / "merged.pem"
        self.backend_port, self.port, self.workers = backend_port, free_port(), workers
        self.tools, self.services = tools, services
        self.install(certificate)
        self.configure()
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", cpus, *map(str, self.command())], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, cwd=self.folder)
        self.await_service()

    @classmethod
    def program(cls, tools=None):
        if cls.path is not None:
            return cls.path
        paths = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"
        return next(filter(None, (shutil.which(name, path=paths) for name in cls.programs)), None)

    @classmethod
    def version(cls, tools=None):
        program = cls.program(tools)
        if program is None:
            return None
        done = subprocess.run([program, *cls.version_command], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
        return found.group(0) if found else "?"

    def install(self, certificate):
        chain, key = certificate
        for path, text in ((self.cert, chain), (self.key, key), (self.merged, key + chain)):
            replace(path, text)

    def write(self, text):
        path = self.folder / "conf"
        path.write_text(text)
        return path

    def shake_hands(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as raw:
            context.wrap_socket(raw).close()

    def await_service(self):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                self.shake_hands()
                time.sleep(0.2)
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start:\n"
                           + (self.folder / "log").read_text(errors="replace")[-2000:])

    def reload(self):
        os.kill(self.process.pid, signal.SIGHUP)

    def cpu_ns(self):
        """CPU time of all its processes, by the scheduler's own count. The clock of a process
        has that of its threads, also of those that have ended (clock_getcpuclockid(3))."""
        return {pid: time.clock_gettime_ns((~pid << 3) | 2) for pid in family(self.process.pid)}

    def thread_ns(self):
        """CPU time of each of its threads: {(process, thread): ns}. None runs on two CPUs."""
        times = {}
        for pid in family(self.process.pid):
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                try:
                    times[pid, task.name] = int((task / "schedstat").read_text().split()[0])
                except OSError:
                    continue  # it has ended
        return times

    def page_faults(self):
        """Minor ones of each of its processes: pages that the kernel had to map."""
        return {pid: int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
                         .split()[7]) for pid in family(self.process.pid)}

    def memory_kb(self):
        """Proportional set size of all its processes."""
        total = 0
        for pid in family(self.process.pid):
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1))
        return total

    def stop(self):
        if self.process.poll() is None:
            below = family(self.process.pid)[1:]
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for pid in below:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.log.close()


class Wlbproxy(Server):
    """As it is without a word in the configuration: OpenSSL's handshake, keys in the signer."""

    name = "wlbproxy"
    programs = ("wlbproxy",)
    crypto, tls_engine, signer = "auto", "openssl", "on"
    more = ()  # further lines of the configuration
    version_command = ("--version",)
    ours = True

    @classmethod
    def program(cls, tools=None):
        path = cls.path or tools / "wlbproxy"
        return str(path) if os.path.exists(path) else None

    def configure(self):
        more = "\n".join(self.more).format(folder=self.folder)
        self.write(self.as_this_build_knows(f"""{more}
workers = {self.workers}
control = {self.folder}/control.sock
log_level = warning
handshake_rate = 0
max_connections_per_source = 0
max_handshakes = 20000
max_connections = 20000
crypto = {self.crypto}
signer = {self.signer}

[bench]
accept = 127.0.0.1:{self.port}
connect = 127.0.0.1:{self.backend_port}
cert = {self.cert}
key = {self.key}
tls_engine = {self.tls_engine}
ciphers = {CIPHERS}
groups = {GROUPS}
max_body = 0
handshake_timeout = 1m
idle_timeout = 10m
backend_keepalive = {BACKEND_CONNECTIONS}
backend_keepalive_post = on
""" + "".join(f"""
[bench{i}]
accept = 127.0.0.1:{self.port}
sni = bench{i}.example.com
connect = 127.0.0.1:{self.backend_port}
cert = {self.cert}.{i}
key = {self.key}.{i}
tls_engine = {self.tls_engine}
""" for i in range(1, self.services))))

    def install(self, certificate):
        super().install(certificate)
        for i in range(1, self.services):
            for path, text in zip((self.cert, self.key), certificate):
                replace(path.with_name(f"{path.name}.{i}"), text)

    def ask(self, *command):
        subprocess.run([self.program(self.tools), *command, "-c", self.folder / "conf"],
                       stdout=subprocess.DEVNULL, check=True)

    def as_this_build_knows(self, text):
        """Leaves out what an older build has no option for: it does that in its one way."""
        if self.path is None:
            return text
        done = subprocess.run([self.path, "options"], capture_output=True, text=True, check=True)
        known = set(re.findall(r"^  (\w+)", done.stdout, re.MULTILINE))
        return "".join(line for line in text.splitlines(keepends=True)
                       if "=" not in line or line.split()[0] in known)

    def command(self):
        return [self.program(self.tools), "run", "-c", self.folder / "conf"]


class WlbproxySignerOff(Wlbproxy):
    name = "wlbproxy-signer-off"
    signer = "off"


class WlbproxyOpenssl(Wlbproxy):
    """OpenSSL's arithmetic, too: neither our P-384 nor batches."""

    name = "wlbproxy-openssl"
    crypto = "openssl"


class WlbproxyNative(Wlbproxy):
    name = "wlbproxy-native"
    tls_engine = "native"


class WlbproxyNativeSignerOff(WlbproxyNative):
    """As every build was before there were a signer and a choice of engines."""

    name = "wlbproxy-native-signer-off"
    signer = "off"


class WlbproxyNativeOpenssl(WlbproxyNative):
    name = "wlbproxy-native-openssl"
    crypto = "openssl"


class WlbproxyAccessLog(Wlbproxy):
    """With a line for each request, into a file. Only where it is asked for."""

    name = "wlbproxy-access-log"
    more = ("access_log = {folder}/access",)


class Stunnel(Server):
    name = "stunnel"
    programs = ("stunnel4", "stunnel")
    version_command = ("-version",)

    def configure(self):
        self.write(f"""foreground = yes
pid =
debug = err
[bench]
accept = 127.0.0.1:{self.port}
connect = 127.0.0.1:{self.backend_port}
cert = {self.cert}
key = {self.key}
sslVersionMin = TLSv1.2
ciphers = {CIPHERS}
curves = {GROUPS}
""")

    def command(self):
        return [self.program(), self.folder / "conf"]


class Hitch(Server):
    name = "hitch"
    programs = ("hitch",)
    version_command = ("--version",)

    def configure(self):
        user = 'user = "nobody"\n' if os.getuid() == 0 else ""
        self.write(f"""frontend = "[127.0.0.1]:{self.port}"
backend = "[127.0.0.1]:{self.backend_port}"
pem-file = "{self.merged}"
workers = {self.workers}
daemon = off
quiet = on
log-level = 0
tls-protos = TLSv1.2 TLSv1.3
ciphers = "{CIPHERS}"
ecdh-curve = "{GROUPS}"
backlog = 1024
{user}""")

    def command(self):
        return [self.program(), f"--config={self.folder / 'conf'}"]


class Nginx(Server):
    name = "nginx"
    programs = ("nginx",)
    version_command = ("-v",)

    def configure(self):
        self.write(f"""daemon off;
worker_processes {self.workers};
worker_rlimit_nofile 65536;
pid {self.folder}/pid;
error_log stderr error;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {self.folder}/body;
    proxy_temp_path {self.folder}/proxy;
    fastcgi_temp_path {self.folder}/fastcgi;
    uwsgi_temp_path {self.folder}/uwsgi;
    scgi_temp_path {self.folder}/scgi;
    keepalive_requests 100000000;
    proxy_max_temp_file_size 0;
    upstream backend {{
        server 127.0.0.1:{self.backend_port};
        keepalive {BACKEND_CONNECTIONS};
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{self.port} ssl backlog=4096;
        ssl_certificate {self.cert};
        ssl_certificate_key {self.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers {CIPHERS};
        ssl_ecdh_curve {GROUPS};
        ssl_prefer_server_ciphers on;
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
""")

    def command(self):
        return [self.program(), "-p", self.folder, "-c", self.folder / "conf", "-e", "stderr"]


class Haproxy(Server):
    name = "haproxy"
    programs = ("haproxy",)
    version_command = ("-v",)

    def configure(self):
        self.write(f"""global
    nbthread {self.workers}
    maxconn {min(20000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500) // 2)}
    ssl-default-bind-ciphers {CIPHERS}
    ssl-default-bind-curves {GROUPS}
    tune.ssl.default-dh-param 2048
defaults
    mode http
    timeout client 75s
    timeout server 660s
    timeout connect 5s
    timeout http-keep-alive 75s
    option http-keep-alive
    http-reuse always
frontend bench
    bind 127.0.0.1:{self.port} ssl crt {self.merged} ssl-min-ver TLSv1.2
    default_backend origin
backend origin
    server origin 127.0.0.1:{self.backend_port} pool-max-conn {BACKEND_CONNECTIONS}
""")

    def command(self):
        # -W: a master, because only with one is there a reload.
        return [self.program(), "-W", "-db", "-f", self.folder / "conf"]

    def reload(self):
        os.kill(self.process.pid, signal.SIGUSR2)


class H2o(Server):
    name = "h2o"
    programs = ("h2o",)
    version_command = ("-v",)

    def configure(self):
        user = "user: nobody\n" if os.getuid() == 0 else ""
        self.write(f"""{user}num-threads: {self.workers}
max-connections: 20000
http1-request-timeout: 75
proxy.timeout.keepalive: 60000
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: {self.port}
      ssl:
        certificate-file: {self.cert}
        key-file: {self.key}
        minimum-version: TLSv1.2
        cipher-suite: "{CIPHERS}"
        cipher-preference: server
    paths:
      "/":
        proxy.reverse.url: http://127.0.0.1:{self.backend_port}/
""")

    def command(self):
        return [self.program(), "-c", self.folder / "conf"]


class Relay(Server):
    """The kernel's part of the floor: a server's own bytes, carried by bench/relay.c."""

    name = "relay"

    def __init__(self, folder, behind, tools, cpus, cpu_of_others):
        self.behind, self.tools, self.cpu_of_others = behind, tools, cpu_of_others
        super().__init__(folder, ("", ""), behind.port, cpus, tools=tools)

    def configure(self):
        pass

    def command(self):
        return [self.tools / "relay", self.port, self.backend_port, self.cpu_of_others]

    def stop(self):
        super().stop()
        self.behind.stop()


INSTALLED = {cls.name: cls for cls in (Stunnel, Hitch, Nginx, Haproxy, H2o)}
OURS = {cls.name: cls for cls in (Wlbproxy, WlbproxyNative, WlbproxySignerOff,
                                  WlbproxyNativeSignerOff, WlbproxyOpenssl,
                                  WlbproxyNativeOpenssl)}
ASKED_FOR = {WlbproxyAccessLog.name: WlbproxyAccessLog}  # what a feature costs
ALL = {**OURS, **INSTALLED, **ASKED_FOR}


def another(text):
    """NAME=PATH[:KIND] as a peer: another build or release of a known server, one of ours
    included. KIND is told from the program's name where it is not said. ValueError says what
    is wrong."""
    name, equals, rest = text.partition("=")
    path, _, kind = rest.partition(":")
    if not (name and equals and path):
        raise ValueError(f"{text!r} is not NAME=PATH[:KIND]")
    if name in ALL:
        raise ValueError(f"{name!r} is a peer already: give it another name")
    kind = kind or next((known for known in ALL if known in os.path.basename(path)), "")
    if kind not in ALL:
        raise ValueError(f"{text!r}: the kind is not one of {', '.join(ALL)}")
    found = shutil.which(path)
    if found is None:
        raise ValueError(f"{path!r} is not a program that can be run")
    return type(name, (ALL[kind],), {"name": name, "path": os.path.abspath(found),
                                     "kind": kind})
