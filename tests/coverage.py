#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of tests/coverage.sh, from the counts that gcc's --coverage left in a build folder."""
import collections
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WANTED = {"preload/model": 95, "preload/trace": 95, "preload/replay": 95}


def counts(folder):
    """file: {line: times}, of every object that ran; the most of several objects of one source."""
    files = collections.defaultdict(lambda: collections.defaultdict(int))
    found = [os.path.abspath(path) for path in glob.glob(folder + "/**/*.gcda", recursive=True)]
    for begin in range(0, len(found), 100):
        said = subprocess.run(["gcov", "--json-format", "--stdout", *found[begin:begin + 100]], check=True, text=True,
                              capture_output=True, cwd=folder).stdout
        for line in said.splitlines():
            for file in json.loads(line)["files"]:
                name = os.path.relpath(os.path.join(folder, file["file"]), ROOT)
                for row in file["lines"]:
                    files[name][row["line_number"]] = max(files[name][row["line_number"]], row["count"])
    return files


def share(lines):
    return 100 * sum(1 for times in lines if times) / len(lines) if lines else 100


def main():
    files, low = counts(sys.argv[1]), False
    if sys.argv[2:3] == ["--lines"]:
        missed = [line for line, times in sorted(files[sys.argv[3]].items()) if not times]
        text = open(os.path.join(ROOT, sys.argv[3])).read().splitlines()
        for line in missed:
            print(f"{line:5} {text[line - 1]}")
    folders = collections.defaultdict(list)
    print(f"{'file':36} {'lines':>6} {'missed':>6} {'%':>6}")
    for name in sorted(files):
        if not name.startswith(("preload/", "analyzer/")):
            continue
        times = list(files[name].values())
        folders[os.path.dirname(name)] += times
        print(f"{name:36} {len(times):6} {times.count(0):6} {share(times):6.1f}")
    for folder, times in sorted(folders.items()):
        short = share(times) < WANTED.get(folder, 0)
        low |= short
        print(f"{folder + '/':36} {len(times):6} {times.count(0):6} {share(times):6.1f}{' below ' + str(WANTED[folder]) if short else ''}")
    return low


sys.exit(main())
