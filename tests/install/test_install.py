#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An installed tree: `test_install.py TOPIC`. Each topic installs into a prefix of its own and builds against it."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD, CMAKE, CC, LIBDIR = (os.environ[name] for name in ("BUILD", "CMAKE", "CC", "LIBDIR"))
SANITIZED = bool(os.environ.get("SANITIZE"))
CONSUMER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "consumer")
MODEL_SAYS = "0x7ffff7ffd000 0x7ffff7ffb000 1 VMA\n"


def run(*command, **options):
    done = subprocess.run(command, text=True, capture_output=True, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Tree:
    def __init__(self, base):
        self.base, self.prefix = base, os.path.join(base, "prefix")
        run(CMAKE, "--install", BUILD, "--prefix", self.prefix)

    def move(self):
        moved = os.path.join(self.base, "elsewhere", "odd[x]* name's")
        os.makedirs(os.path.dirname(moved))
        os.rename(self.prefix, moved)
        self.prefix = moved

    def path(self, *parts):
        return os.path.join(self.prefix, *parts)

    def command(self):
        return self.path("bin", "vmascope")

    def library(self):
        return self.path(LIBDIR, "vmascope", "libvmascope.so")

    def consumer(self):
        """The consumer project, built by CMake. Returns the folder of its programs."""
        out = os.path.join(self.base, "consumer")
        run(CMAKE, "-S", CONSUMER, "-B", out, f"-DCMAKE_C_COMPILER={CC}", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run(CMAKE, "--build", out)
        return out


def without_settings():
    return {name: value for name, value in os.environ.items() if not name.startswith("VMASCOPE_")}


def check_api_report(path):
    report = json.load(open(path))
    assert report["verdict"] == "match", report["verdict"]
    assert [point["when"] for point in report["checkpoints"]] == ["attach", "resume", "request", "exit"], report["checkpoints"]


def topic_cmake(tree):
    built = tree.consumer()
    assert run(os.path.join(built, "model")) == MODEL_SAYS
    assert run(os.path.join(built, "api")) == "-1 -1 -1 -1\n"


def topic_pkgconfig(tree):
    if SANITIZED or not shutil.which("pkg-config"):
        sys.exit(77)
    env = dict(os.environ, PKG_CONFIG_PATH=tree.path(LIBDIR, "pkgconfig"))
    for name, says in ("model", MODEL_SAYS), ("api", "-1 -1 -1 -1\n"):
        package = "vmascope-model" if name == "model" else "vmascope"
        flags = run("pkg-config", "--cflags", "--libs", package, env=env).split()
        program = os.path.join(tree.base, name)
        run(CC, "-o", program, os.path.join(CONSUMER, name + ".c"), *flags)
        assert run(program) == says
    preload = run("pkg-config", "--variable=preload", "vmascope", env=env).strip()
    assert os.path.samefile(preload, tree.library()), preload


def topic_record(tree):
    """The command finds its library; the in-process API is heard; a trace is replayed by the installed libraries."""
    built = tree.consumer()
    trace, report = (os.path.join(tree.base, "api." + end) for end in ("vmt", "json"))
    said = run(tree.command(), "record", "-o", trace, "--report=" + report, "--", os.path.join(built, "api"))
    assert said == "0 0 0 0\n", said
    check_api_report(report)
    said = run(os.path.join(built, "replay"), trace)
    assert said.startswith("1 calls, 0 mispredicted, ") and said.endswith(" 0 differing\n"), said


def topic_bare(tree):
    """Without the command: the library finds it, and by it writes the report."""
    built, report = tree.consumer(), os.path.join(tree.base, "bare.json")
    env = dict(without_settings(), LD_PRELOAD=tree.library(), VMASCOPE_OUT=report)
    assert run(os.path.join(built, "api"), env=env) == "0 0 0 0\n"
    check_api_report(report)


def topic_moved(tree):
    """Nothing in the tree knows where it was installed."""
    tree.move()
    trace = os.path.join(tree.base, "true.vmt")
    done = subprocess.run([tree.command(), "record", "-o", trace, "--", "true"], text=True, capture_output=True)
    assert done.returncode == 125 and "blank or colon" in done.stderr, done  # LD_PRELOAD can't name it
    bracket = os.path.join(tree.base, "elsewhere", "odd[x]*")
    os.rename(tree.prefix, bracket)
    tree.prefix = bracket
    run(tree.command(), "record", "-o", trace, "--", "true")
    run(tree.command(), "check", trace)
    plain = os.path.join(tree.base, "elsewhere", "again")  # CMake itself can't read a targets file below a bracket
    os.rename(tree.prefix, plain)
    tree.prefix = plain
    env = dict(os.environ, PKG_CONFIG_PATH=tree.path(LIBDIR, "pkgconfig"))
    if shutil.which("pkg-config"):
        assert plain in run("pkg-config", "--variable=includedir", "vmascope", env=env).replace("\\", "")
    assert run(os.path.join(tree.consumer(), "model")) == MODEL_SAYS


def topic_version(tree):
    said = run(tree.command(), "--version")
    for word in ("vmascope 0.", "trace format", "6.1 ", "6.6 ", "6.12 ", "6.18 ", "7.0 ", "+mseal", "-mmap-retry-merge"):
        assert word in said, said
    for name in ("copyright", "CHANGELOG.md"):
        assert os.path.getsize(tree.path("share", "doc", "vmascope", name))


with tempfile.TemporaryDirectory(prefix="vmascope-install.") as base:
    globals()["topic_" + sys.argv[1]](Tree(base))
