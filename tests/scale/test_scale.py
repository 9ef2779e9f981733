#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/scale.md as it stands: its SQL in SQLite and, where there is one, in a PostgreSQL server of its own; and a small
fleet. `test_scale.py queries|fleet`"""
import csv
import glob
import io
import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

VMASCOPE = os.environ["VMASCOPE"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = (["ls", "-la", "/usr/lib"], ["python3", "-c", "import json"], ["perl", "-e", "1"], ["sort", "/etc/passwd"],
            [os.environ["SITUATIONS"], "hole"])


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def record(folder):
    traces = []
    for number, program in enumerate(PROGRAMS):
        trace = os.path.join(folder, f"host{number}.vmt")
        subprocess.run([VMASCOPE, "record", "--follow=off", "-o", trace, "--", *program], capture_output=True)
        if os.path.exists(trace):
            traces.append(trace)
    return traces


def blocks(language):
    with open(os.path.join(ROOT, "docs", "scale.md")) as text:
        return re.findall(rf"```{language}\n(.*?)```", text.read(), re.S)


def load(folder):
    """calls.csv and vmas.csv, by the shell lines of the page."""
    lines = next(block for block in blocks("sh") if block.startswith("rows()"))
    path = os.path.dirname(VMASCOPE) + ":" + os.environ["PATH"]
    run("sh", "-ec", lines, cwd=folder, env=dict(os.environ, PATH=path))


def in_sqlite(folder, schema, queries):
    database = sqlite3.connect(os.path.join(folder, "fleet.db"))
    database.executescript(schema)
    for table in "calls", "vmas":
        with open(os.path.join(folder, table + ".csv"), newline="") as rows:
            for row in csv.reader(rows):
                database.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
    return [[[str(value) for value in row] for row in database.execute(query)] for query in queries]


class Postgres:
    """A server that only this test sees, by a socket in its folder. It may not be root's."""

    def __init__(self, folder, programs):
        self.folder, self.programs = os.path.join(folder, "postgres"), programs
        self.user = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
        os.mkdir(self.folder, 0o700)
        os.chmod(folder, 0o711)
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.data = os.path.join(self.folder, "data")
        self.program("initdb", "--locale=C", "-E", "UTF8", "-A", "trust", "-U", "tester", "-N", "-D", self.data)
        self.program("pg_ctl", "-w", "-D", self.data, "-l", self.folder + "/log", "-o",
                     f"-k {self.folder} -c listen_addresses=''", "start")

    def program(self, name, *args):
        def become():
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(self.user.pw_gid)
                os.setuid(self.user.pw_uid)

        subprocess.run([os.path.join(self.programs, name), *args], preexec_fn=become, check=True, cwd=self.folder,
                       stdout=subprocess.DEVNULL)

    def query(self, *commands):
        """The rows of the last one."""
        args = [word for command in commands for word in ("-c", command)]
        said = run("psql", "-h", self.folder, "-U", "tester", "-d", "postgres", "-q", "--csv", "-t", "-v", "ON_ERROR_STOP=1",
                   *args)
        return list(csv.reader(io.StringIO(said)))

    def stop(self):
        self.program("pg_ctl", "-m", "immediate", "-D", self.data, "stop")


def in_postgres(folder, schema, queries, programs):
    server = Postgres(folder, programs)
    try:
        server.query(schema)
        for table in "calls", "vmas":
            server.query(f"\\copy {table} FROM '{folder}/{table}.csv' CSV")
        return [server.query(query) for query in queries]
    finally:
        server.stop()


def topic_queries(folder):
    record(folder)
    load(folder)
    schema, *queries = blocks("sql")
    first = in_sqlite(folder, schema, queries)
    for query, rows in zip(queries, first):
        assert rows, f"says nothing: {query}"
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found or not shutil.which("psql"):
        print("no PostgreSQL here; SQLite alone")
        return
    second = in_postgres(folder, schema, queries, found[-1])
    for query, one, other in zip(queries, first, second):
        assert one == other, f"{query}\nSQLite     {one}\nPostgreSQL {other}"
    print(f"{len(queries)} queries, the same rows in SQLite and PostgreSQL")


def topic_fleet(folder):
    summaries = os.path.join(folder, "real.jsonl")
    with open(summaries, "w") as out:
        out.write(run(VMASCOPE, "report", "--summary", *record(folder)))
    print(run(sys.executable, os.path.join(ROOT, "tests", "fleet.py"), VMASCOPE, summaries, "--hosts", "500"))


with tempfile.TemporaryDirectory(prefix="vmascope-scale.") as base:
    globals()["topic_" + sys.argv[1]](base)
