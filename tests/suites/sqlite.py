# SPDX-License-Identifier: MIT
"""A session of sqlite3's shell, session.sql. Each statement is a test, what it says the result."""
import hashlib
import os
import re
import shutil

import fetch
from suite import Suite, Unit

SUITES = ["shell"]
SESSION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "session.sql")


def results(stdout, _stderr, _status):
    """{statement: ok and what it said, shortened}"""
    found = {}
    for part in re.split(r"^== ", stdout, flags=re.MULTILINE)[1:]:
        name, _, said = part.partition("\n")
        found[name] = "ok " + hashlib.sha256(said.encode()).hexdigest()[:12]
    return found


class Sqlite(Suite):
    def prepare(self):
        if not shutil.which("sqlite3"):
            raise fetch.Missing("sqlite3 is not installed")

    def units(self):
        return [Unit("", ["sqlite3", "-batch", "test.db", ".read " + SESSION], results, merged=True)]
