# SPDX-License-Identifier: MIT
"""Real programs under vmascope: each must be predicted without a mistake.

    programs.py COMMAND FOLDER [--rounds=N] [--check=exit|call] [NAME…]

COMMAND is vmascope, FOLDER has the test programs. Without names all are run. Prints a Markdown table; ends with 1 when a
report is not a match, with 77 when the only program asked for is not installed here.
"""
import glob
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HELLO = '#include <stdio.h>\n#include <math.h>\nint main(int n, char **v) { printf("%g %s\\n", sin(n), v[0]); return 0; }\n'
SCENE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenarios/")


def of_system(name):
    """A program of the system's: a shim in front of it (pyenv, …) is another program."""
    return next((path for path in ("/usr/bin/" + name, "/usr/local/bin/" + name) if os.access(path, os.X_OK)), name)


class Program:
    """A command that runs to its end by itself."""

    def __init__(self, *command, own=False):
        self.command, self.own = command, own

    def argv(self, folder):
        return (os.path.join(folder, self.command[0]),) + self.command[1:] if self.own else \
            (of_system(self.command[0]),) + self.command[1:]

    def title(self):
        return " ".join("'%s'" % word if " " in word else word for word in self.command)

    def is_there(self, folder):
        return shutil.which(self.argv(folder)[0]) is not None

    def run(self, before, folder, cwd):
        """Returns the seconds that it took."""
        begin = time.monotonic()
        subprocess.run([*before, *self.argv(folder)], cwd=cwd, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
        return time.monotonic() - begin


class Compile(Program):
    def run(self, before, folder, cwd):
        with open(os.path.join(cwd, "hello.c"), "w", encoding="ascii") as source:
            source.write(HELLO)
        return super().run(before, folder, cwd)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Scenario(Program):
    """Somebody's program doing a day's work: a script of the folder scenarios, or what an interpreter does with it."""

    def __init__(self, title, needs, *command):
        super().__init__(*command)
        self.name, self.needs = title, needs

    def title(self):
        return self.name

    def is_there(self, folder):
        return all(glob.glob(need) if "/" in need else shutil.which(need) for need in self.needs)

    def argv(self, folder):
        return tuple(word if index or "/" in word else of_system(word) for index, word in enumerate(self.command))

    def run(self, before, folder, cwd):
        os.chmod(cwd, 0o777)  # some servers won't run as root, and their reports lie there
        return super().run(before, folder, tempfile.mkdtemp(dir=cwd))


class Redis(Program):
    """A server with clients on it; stopped by SHUTDOWN. The time is the clients'."""

    def title(self):
        return "redis-server under redis-benchmark, SHUTDOWN"

    def is_there(self, folder):
        return all(shutil.which(name) for name in ("redis-server", "redis-benchmark", "redis-cli"))

    def run(self, before, folder, cwd):
        port = str(free_port())
        client = ("redis-cli", "-p", port)
        server = subprocess.Popen([*before, *self.argv(folder), "--port", port], cwd=cwd, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL)
        try:
            self.wait(client)
            begin = time.monotonic()
            subprocess.run(["redis-benchmark", "-p", port, "-q", "-t", "set,get,lpush,sadd,zadd,mset", "-n", "20000", "-d",
                            "1000", "-r", "100000"], check=True,
                           stdout=subprocess.DEVNULL)
            seconds = time.monotonic() - begin
            subprocess.run([*client, "shutdown", "nosave"], check=True, stdout=subprocess.DEVNULL)
            if server.wait(60):
                raise subprocess.CalledProcessError(server.returncode, "redis-server")
            return seconds
        finally:
            server.kill()

    @staticmethod
    def wait(client):
        for _ in range(200):
            done = subprocess.run([*client, "ping"], check=False, capture_output=True)
            if b"PONG" in done.stdout:
                return
            time.sleep(0.05)
        raise TimeoutError("redis-server does not answer")


class Nginx(Program):
    """A master, two workers with threads for files, eight clients on them; stopped by SIGQUIT. The time is the clients'."""

    CONF = """daemon off; worker_processes 2; pid %(cwd)s/pid; error_log %(cwd)s/error.log;
thread_pool default threads=4;
events { worker_connections 256; }
http { access_log off; gzip on; gzip_types *; gzip_min_length 100; aio threads; sendfile off; output_buffers 2 64k;
  client_body_temp_path %(cwd)s/body; proxy_temp_path %(cwd)s/proxy; fastcgi_temp_path %(cwd)s/fastcgi;
  uwsgi_temp_path %(cwd)s/uwsgi; scgi_temp_path %(cwd)s/scgi; open_file_cache max=10; keepalive_requests 100;
  server { listen 127.0.0.1:%(port)d; root %(cwd)s; } }
"""
    SIZES = {"small": 300, "middle": 40 << 10, "large": 3 << 20}
    CLIENTS, REQUESTS = 8, 500

    def argv(self, folder):
        return ("/usr/sbin/nginx", "-p", ".", "-e", "error.log", "-c", "nginx.conf")

    def title(self):
        return "nginx, 2 workers, %d requests, SIGQUIT" % (self.CLIENTS * self.REQUESTS)

    def run(self, before, folder, cwd):
        port = free_port()
        with open(os.path.join(cwd, "nginx.conf"), "w", encoding="ascii") as conf:
            conf.write(("user root; " if os.geteuid() == 0 else "") + self.CONF % {"cwd": cwd, "port": port})
        for name, size in self.SIZES.items():
            with open(os.path.join(cwd, name), "w", encoding="ascii") as content:
                content.write("".join("%d\n" % (n * n) for n in range(size // 8)))
        server = subprocess.Popen([*before, *self.argv(folder)], cwd=cwd, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL)
        try:
            self.wait(port)
            begin = time.monotonic()
            self.load(port)
            seconds = time.monotonic() - begin
            subprocess.run([*self.argv(folder), "-s", "quit"], cwd=cwd, check=True)
            if server.wait(60):
                raise subprocess.CalledProcessError(server.returncode, "nginx")
            return seconds
        finally:
            if server.poll() is None:  # the workers too
                subprocess.run([*self.argv(folder), "-s", "stop"], cwd=cwd, check=False)
            server.kill()

    @staticmethod
    def wait(port):
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    return
            time.sleep(0.05)
        raise TimeoutError("nginx does not answer")

    def load(self, port):
        failed = []
        clients = [threading.Thread(target=self.client, args=(port, failed)) for _ in range(self.CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if failed:
            raise failed[0]

    def client(self, port, failed):
        """Mostly small files; every tenth is of a size that threads read."""
        try:
            to = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            for n in range(self.REQUESTS):
                name = "large" if n % 50 == 49 else "middle" if n % 10 == 9 else "small"
                to.request("GET", "/" + name, headers={"Accept-Encoding": "gzip"} if n % 3 else {})
                answer = to.getresponse()
                answer.read()
                if answer.status != 200:
                    raise ConnectionError("nginx answers %d" % answer.status)
            to.close()
        except (OSError, http.client.HTTPException) as error:
            failed.append(error)


class Git(Program):
    """What git does with a repository: cloned by its own protocol, repacked by four threads, read."""

    SCRIPT = """set -e
git clone -q --no-local "$REPO" clone
cd clone
git -c pack.threads=4 gc -q --aggressive --prune=now
git log -p --stat >../log
git -c grep.threads=4 grep -c define HEAD >../grep
git -c checkout.workers=4 -c checkout.thresholdForParallelism=1 checkout -q HEAD~5
git ls-files >../files
git blame HEAD -- "$(head -1 ../files)" >../blame
git fsck --full"""

    def argv(self, folder):
        return ("/bin/sh", "-c", self.SCRIPT)

    def title(self):
        return "git clone, gc with 4 threads, log, grep, checkout, blame, fsck"

    def is_there(self, folder):
        return shutil.which("git") is not None

    def run(self, before, folder, cwd):
        os.environ["REPO"] = os.path.join(cwd, "repo")
        os.environ.update({"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"})
        if not os.path.exists(os.environ["REPO"]):
            self.make_repository(os.environ["REPO"])
        shutil.rmtree(os.path.join(cwd, "clone"), ignore_errors=True)
        return super().run(before, folder, cwd)

    @staticmethod
    def make_repository(path):
        """The system's C headers, a tenth of them changed by each of twenty commits."""
        git = ("git", "-C", path, "-c", "user.name=n", "-c", "user.email=e")
        shutil.copytree("/usr/include/linux", path)
        files = sorted(glob.glob(os.path.join(path, "**", "*.h"), recursive=True))
        subprocess.run(["git", "init", "-q", path], check=True)
        for commit in range(20):
            for name in files[commit % 10::10]:
                with open(name, "a", encoding="ascii") as text:
                    text.write("/* changed by commit %d */\n" % commit)
            subprocess.run([*git, "add", "."], check=True)
            subprocess.run([*git, "commit", "-q", "-m", "commit %d" % commit], check=True)


PROGRAMS = {
    "ls": Program("ls", "-la", "/usr/lib"),
    "python3": Program("python3", "-c", "import json,ssl"),
    "perl": Program("perl", "-e", "1"),
    "gcc": Compile("gcc", "-O2", "-o", "hello", "hello.c", "-lm"),
    "threads": Program("threads64", own=True),
    "dlopen": Program("loader", own=True),
    "redis": Redis("redis-server", "--save", "", "--appendonly", "no"),
    "node": Program("node", "-e", "1"),
    "nginx": Nginx("nginx"),
    "git": Git("git"),
}


SCENARIOS = {
    "webserver": Scenario("python3: a threaded web server and its clients", ("python3",), "python3", SCENE + "webserver.py"),
    "postgres": Scenario("postgres: initdb, pgbench with 8 clients, stop", ("/usr/lib/postgresql/*/bin/pgbench",),
                         SCENE + "postgres.sh"),
    "java": Scenario("java: 16 threads", ("javac",), "java", SCENE + "Threads.java"),
    "workers": Scenario("node: 12 workers", ("node",), "node", SCENE + "workers.js"),
    "compile": Scenario("cmake and gcc: a project of some hundred files", ("cmake", "ninja"), SCENE + "compile.sh"),
    "sqlite3": Scenario("sqlite3: 300,000 rows, joins, VACUUM", ("sqlite3",), "sqlite3", "rows.db", ".read " + SCENE + "sqlite.sql"),
}


def worst(reports):
    verdicts = {report["verdict"] for report in reports}
    return next(name for name in ("differ", "incomplete", "match") if name in verdicts)


def complain(path, report):
    print("%s: %s: %s" % (os.path.basename(path), " ".join(report["process"]["argv"])[:100], report["verdict"]),
          report["incomplete"] or "", file=sys.stderr)
    for checkpoint in report["checkpoints"]:
        for difference in checkpoint["differences"][:5]:
            print("  after call %d: %s: %s" % (checkpoint["call"], difference["kind"], difference["why"]), file=sys.stderr)


def measure(program, command, folder, options):
    native, traced = [], []
    for _ in range(options["rounds"]):
        with tempfile.TemporaryDirectory() as cwd:
            native.append(program.run((), folder, cwd))
            report = os.path.join(cwd, "r.json")
            traced.append(program.run((command, "record", "--check=" + options["check"], "--report=" + report, "--"),
                                      folder, cwd))
            reports = {}
            for path in sorted(glob.glob(report + "*")):
                with open(path, encoding="utf-8") as text:
                    reports[path] = json.load(text)
            if not reports:
                raise FileNotFoundError("no report was written")
            for path, one in reports.items():
                if one["verdict"] != "match":
                    complain(path, one)
                    return list(reports.values()), native, traced
    return list(reports.values()), native, traced


def row(program, reports, native, traced):
    total = {name: 0 for name in ("calls", "outside", "mispredicted", "undetermined", "asked", "predicted")}
    for report in reports:
        total["calls"] += report["capture"]["calls"]
        total["outside"] += report["capture"]["outside"]
        total["mispredicted"] += report["prediction"]["mispredicted"]
        total["undetermined"] += report["prediction"]["undetermined"]
        total["asked"] += report["prediction"]["addresses"]["asked"]
        total["predicted"] += report["prediction"]["addresses"]["predicted"]
    peak = max(report["limits"]["peak"] for report in reports)
    before, after = statistics.median(native), statistics.median(traced)
    cells = ("`%s`" % program.title(), len(reports), total["calls"], peak, worst(reports), total["mispredicted"],
             total["outside"], total["undetermined"], "%d of %d" % (total["predicted"], total["asked"]),
             "%.3f → %.3f" % (before, after))
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
    return worst(reports) == "match" and not total["outside"] and not total["mispredicted"]


def main():
    command, folder, *rest = sys.argv[1:]
    options = {"rounds": 1, "check": "exit"}
    names = []
    for word in rest:
        if word.startswith("--"):
            key, _, value = word[2:].partition("=")
            options[key] = int(value) if key == "rounds" else value
        else:
            names.append(word)
    every = {**PROGRAMS, **SCENARIOS}
    if names == ["scenarios"]:
        names = list(SCENARIOS)
    good = True
    if len(names) == 1 and not every[names[0]].is_there(folder):
        print("not installed: " + names[0])
        return 77
    print("| program | processes | calls | VMAs at most | verdict | mispredicted | outside | undetermined | addresses predicted"
          " | seconds, without → with |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in names or PROGRAMS:
        program = every[name]
        if program.is_there(folder):
            good &= row(program, *measure(program, command, folder, options))
        else:
            print("| `%s` | not installed | | | | | | | | |" % program.title())
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
