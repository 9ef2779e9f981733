#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A fleet that isn't there: summaries of many hosts, made of real ones by chance, merged in several groupings.

  tests/fleet.py VMASCOPE SUMMARIES [--hosts N] [--seed S]

SUMMARIES is what `vmascope report --summary` wrote of real traces. Prints what it cost; exit status 1 when two groupings do
not give the same bytes, or when memory grows with the number of hosts."""
import argparse
import copy
import json
import os
import random
import subprocess
import sys
import tempfile
import time

MEMORY_ALLOWED = 16 * 1024  # KiB


def perturbed(summary, host, chance):
    """The summary of another host: other counts, some names that no other host has."""
    made = copy.deepcopy(summary)
    factor = chance.choice([1, 1, 1, 2, 5, 40])
    for key in ("calls", "failed", "merges_attempted", "merges"):
        made[key] *= factor
    for name, table in made["tables"].items():
        for row in table["rows"]:
            for key in row:
                if key not in ("name", "traces"):
                    row[key] *= factor
            if name == "sites" and chance.random() < 0.1:
                row["name"] += f" < plugin_{chance.randrange(20000)}"
    for trace in made["nearest"]:
        trace.update(label=f"host{host:05}", pid=chance.randrange(1, 4194304), peak=min(trace["peak"] * factor, 65530))
        trace["started"] += chance.randrange(86400)
        made["first"] = made["last"] = trace["started"]
    return made


# A new process counts its parent's memory as its own until it execs; so a small one starts it.
STARTER = """import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))"""


def merge(vmascope, paths):
    """What it says, the seconds that it took, and its greatest memory in KiB."""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-I", "-S", "-c", STARTER, vmascope, "merge", *paths], capture_output=True,
                          check=True)
    return done.stdout, time.monotonic() - begun, int(done.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vmascope")
    parser.add_argument("summaries")
    parser.add_argument("--hosts", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    real = [json.loads(line) for line in open(options.summaries)]
    with tempfile.TemporaryDirectory(prefix="fleet.") as folder:
        lines = [json.dumps(perturbed(chance.choice(real), host, chance)) + "\n" for host in range(options.hosts)]
        every = os.path.join(folder, "all.jsonl")
        with open(every, "w") as out:
            out.writelines(lines)
        few = os.path.join(folder, "few.jsonl")
        with open(few, "w") as out:
            out.writelines(lines[:len(lines) // 10])
        whole, seconds, memory = merge(options.vmascope, [every])
        _, _, memory_of_few = merge(options.vmascope, [few])
        print(f"{options.hosts} hosts, {os.path.getsize(every) / 1e6:.1f} MB of summaries: {seconds:.2f} s, {memory} KiB at most "
              f"({memory_of_few} KiB for a tenth of them), {len(whole)} bytes of result")
        same = True
        for groups in 2, 17, 256:
            chance.shuffle(lines)
            partial = []
            for group in range(groups):
                path = os.path.join(folder, f"group{group}")
                with open(path, "w") as out:
                    out.writelines(lines[group::groups])
                said, _, _ = merge(options.vmascope, [path])
                with open(path, "wb") as out:
                    out.write(said)
                partial.append(path)
            chance.shuffle(partial)
            said, seconds, _ = merge(options.vmascope, partial)
            same &= said == whole
            print(f"shuffled, in {groups} groups: {seconds:.2f} s for the last step, "
                  f"{'the same bytes' if said == whole else 'OTHER BYTES'}")
        sums = json.loads(whole)
        print(f"traces {sums['traces']}, calls {sums['calls']}, names of sites {len(sums['tables']['sites']['rows'])}"
              f"{' (more were left out)' if sums['tables']['sites']['cut'] else ''}")
    return not same or memory > MEMORY_ALLOWED


sys.exit(main())
