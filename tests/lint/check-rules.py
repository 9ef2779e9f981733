#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/rules.md against the sources: check-rules.py [--table] SOURCE_DIR.

Every difference between kernels, reason for not merging, vm_flag, argument, modelled call and errno of one must have a rule
there; every rule must name its function, its releases and a proof, or say why there is none; and every proof must exist and
show what its rule says. The numbers of cases in tests/vectors/README.md must be those that there are. Prints the rules without a proof; --table prints what proves what. Exit status: 0 all is well, 1 not.
"""
import glob
import json
import os
import re
import signal
import sys

NEVER = "anon-vma-name"  # what a case may need and no kernel has that it was run on
TABLES = "merge split protect mremap mmap unmap brk stack attributes".split()


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as text:
        return text.read()


# --- what there is ---

class Sources:
    def __init__(self, root):
        self.root = root
        self.kernel_h, self.model_h = read(root, "include/vmascope/kernel.h"), read(root, "include/vmascope/model.h")
        self.internal = read(root, "preload/model/internal.h")
        self.cases = {}
        for path in sorted(glob.glob(os.path.join(root, "tests/vectors/*.jsonl"))):
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    case = json.loads(line)
                    self.cases[case["case"]] = case
        self.rows = {}
        for table in TABLES + ["pgtable", "told"]:
            self.rows.update(self.rows_of(table))

    def rows_of(self, table):
        """The rows of a table of tests/model: by name, all that is said of each."""
        text = read(self.root, "tests/model/test_%s.c" % table)
        rows = re.split(r"\n\t\{ (?=\")", text)[1:]
        return {"%s: %s" % (table, re.match(r'"((?:[^"\\]|\\.)*)"', row).group(1)): row for row in rows}

    def differences(self):
        """By spelling, the releases for which each holds, as this page writes them."""
        found = {}
        pattern = r'X\(\w+, "([a-z0-9-]+)", (\d+), (\d+), (\d+), (\d+)\)'
        for name, *numbers in re.findall(pattern, self.kernel_h):
            since, until = tuple(map(int, numbers[:2])), tuple(map(int, numbers[2:]))
            if until == (0, 1):
                found[name] = "configured"
            else:
                found[name] = ("%d.%d" % since if since != (0, 0) else "") + "–" + \
                    ("%d.%d" % (until[0], until[1] - 1) if until != (0, 0) else "")
        return found

    def experiments(self):
        text = "".join(read(self.root, path) for path in glob.glob(os.path.join(self.root, "analyzer/experiments_*.c")))
        return {name.lower().replace("_", "-") for name in re.findall(r"\[VMSC_RULE_(\w+)\] = \w", text)}

    def spelling_of_experiment(self, spelling):
        names = dict((text, name) for name, text in re.findall(r'X\((\w+), "([a-z0-9-]+)", \d', self.kernel_h))
        return names.get(spelling, "").lower().replace("_", "-")

    def refusals(self):
        block = re.search(r"#define VMSC_REFUSALS\(X\)(.*?)\n\n", self.model_h, re.S).group(1)
        return [text for name, text in re.findall(r'X\((\w+), "([^"]+)"\)', block) if name != "NONE"]

    def flags(self):
        block = re.search(r"#define VMSC_VM_FLAGS\(X\)(.*?)\n\n", self.kernel_h, re.S).group(1)
        return dict(re.findall(r'X\((\w+), \d+, "(\w\w)"\)', block))

    def arguments(self):
        """Words that callers give and the model knows, by the name that programs have for them."""
        words = set()
        for enum in re.findall(r"enum \{(.*?)\};", self.internal, re.S):
            words.update(re.findall(r"\b((?:MAP|PROT|MREMAP)_\w+?)_ =", enum))
        for name in ("madvise", "mlock", "shm", "prctl", "uffd"):
            text = read(self.root, "preload/model/%s.c" % name)
            words.update("MADV_" + word for word in re.findall(r"\bADV_(\w+) =", text))
            words.update(re.findall(r"\b((?:MLOCK|MCL|SHM|PR)_\w+?)_ =", text))
            words.update(re.findall(r"#define (UFFDIO_\w+?)_\s", text))
        return {word for word in words if not re.search(r"_(TYPE|HUGE_SHIFT|HUGE_MASK)$", word)}

    def calls(self):
        """The modelled calls, by their handlers' names."""
        numbers = {name: name.lower() for name in re.findall(r"\bNR_(\w+) = \d+", self.internal)}
        step = read(self.root, "preload/model/step.c")
        return {numbers[name]: handler for name, handler in re.findall(r"\{ NR_(\w+), \w+, \w+, (vmsc_op_\w+) \}", step)}

    def errnos_of_files(self):
        """The errnos that stand in each file of the model, and the calls whose handlers are there."""
        calls = self.calls()
        for path in sorted(glob.glob(os.path.join(self.root, "preload/model/*.c"))):
            text = read(self.root, path)
            code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
            code = re.sub(r"\n\w[^\n]*\breason_of_refusal\(.*?\n}\n|\n\w[^\n]*\bmay_be_early\(.*?\n}\n", "\n", code, flags=re.S)
            handlers = set(re.findall(r"\n\w+ (vmsc_op_\w+)\(", text))
            yield (os.path.basename(path), set(re.findall(r"-(E[A-Z]{3,})\b", code)),
                   {call for call, handler in calls.items() if handler in handlers})


# --- what is told ---

class Rule:
    def __init__(self, section, line, cells):
        self.section, self.line = section, line
        self.text, self.kernel, self.releases, last = cells
        parts = [part.strip() for part in last.split("<br>") if part.strip()]
        self.unproved = [part.partition(":")[2].strip() for part in parts if part.startswith("unproved:")]
        self.proofs = [part for part in parts if not part.startswith("unproved:")]

    def words(self):
        """The names before the first text that is none: `MAP_FIXED`, `MAP_ANONYMOUS`: …"""
        found = []
        rest = self.text
        while True:
            match = re.match(r"(?:,? |, and )?`([^`]+)`", rest)
            if not match:
                return found
            found.append(match.group(1))
            rest = rest[match.end():]
            if rest.startswith(", unless "):
                rest = rest[len(", unless"):]


def rules_of(text):
    section, rules = None, []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| ") and section:
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if cells[-1] != "proof":
                rules.append((section, number, cells))
    return rules


# --- the one against the other ---

class Check:
    def __init__(self, sources, text):
        self.sources, self.problems, self.rules = sources, [], []
        for section, line, cells in rules_of(text):
            if len(cells) != 4:
                self.problem(line, "has %d columns, not 4" % len(cells))
            else:
                self.rules.append(Rule(section, line, cells))

    def problem(self, line, what):
        self.problems.append("docs/rules.md:%s: %s" % (line, what))

    def of(self, section):
        return [rule for rule in self.rules if rule.section == section]

    def run(self):
        for rule in self.rules:
            self.check_form(rule)
            self.check_proofs(rule)
        self.check_differences()
        self.check_refusals()
        self.check_flags()
        self.check_words("Arguments", self.sources.arguments(), "argument")
        self.check_words("The calls", set(self.sources.calls()) | {"fork"}, "call")
        self.check_errors()

    def check_form(self, rule):
        if not rule.kernel or (rule.kernel != "none" and not re.search(r"`[^`]+`|case|VM_", rule.kernel)):
            self.problem(rule.line, "names no function of the kernel: " + rule.text)
        if not re.fullmatch(r"all|configured|(\d+\.\d+)?–(\d+\.\d+)?|none", rule.releases) or rule.releases == "–":
            self.problem(rule.line, "its releases can't be understood: " + rule.releases)
        if not rule.proofs and not rule.unproved:
            self.problem(rule.line, "has no proof: " + rule.text)
        if not rule.unproved and self.is_never_run(rule):
            self.problem(rule.line, "is shown by cases alone that none of the kernels can run: " + rule.text)
        if any(not why for why in rule.unproved):
            self.problem(rule.line, "does not say why it is unproved: " + rule.text)

    def is_never_run(self, rule):
        """Debian's kernels and the developers' have no names (CONFIG_ANON_VMA_NAME)."""
        needs = [self.needs(proof) for proof in rule.proofs if not proof.startswith("experiment: ")]
        return bool(needs) and all(needs)

    def needs(self, proof):
        case = self.case(proof)
        return case.get("needs") == NEVER if case else False

    def check_proofs(self, rule):
        for proof in rule.proofs:
            kind, _, name = proof.partition(": ")
            if kind == "experiment":
                if self.sources.spelling_of_experiment(name) not in self.sources.experiments():
                    self.problem(rule.line, "there is no experiment for " + name)
            elif proof not in self.sources.cases and proof not in self.sources.rows:
                self.problem(rule.line, "no case and no row has the name \"%s\"" % proof)

    def need_all(self, section, wanted, told, what):
        for name in sorted(set(wanted) - told):
            self.problem(section, "no rule for the %s %s" % (what, name))
        for name in sorted(told - set(wanted)):
            self.problem(section, "the %s %s is not known to the model" % (what, name))

    def need_shown(self, rule, what, shows):
        """Each name that the rule is for must be shown by one of its proofs, where it has any."""
        names = [proof for proof in rule.proofs if not proof.startswith("experiment: ")]
        if names and not any(shows(proof) for proof in names):
            self.problem(rule.line, "none of its proofs shows %s: %s" % (what, "; ".join(names)))

    def case(self, proof):
        return self.sources.cases.get(proof)

    def check_differences(self):
        wanted, told = self.sources.differences(), set()
        for rule in self.of("Differences between kernels"):
            for name in rule.words()[:1]:
                told.add(name)
                if rule.releases != wanted.get(name):
                    self.problem(rule.line, "%s holds for %s, not %s" % (name, wanted.get(name), rule.releases))
                self.need_shown(rule, name, lambda proof, name=name: self.shows_difference(proof, name))
        self.need_all("Differences", wanted, told, "difference")

    def shows_difference(self, proof, name):
        case = self.case(proof)
        if not case:
            return proof in self.sources.rows  # of tests/model alone: the row is its own judge
        return name in case["rules"] or case.get("needs") == name

    def check_refusals(self):
        told = set()
        for rule in self.of("Why two stay two"):
            for name in rule.words()[:1]:
                told.add(name)
                self.need_shown(rule, name, lambda proof, name=name: re.search(
                    r'\.(?:refused|apart) = "[^"]*\b%s\b' % re.escape(name), self.sources.rows.get(proof, "")))
        self.need_all("Why two stay two", self.sources.refusals(), told, "reason")

    def check_flags(self):
        codes, told = self.sources.flags(), set()
        for rule in self.of("Flags"):
            for name in rule.words():
                told.add(name)
                if name in codes:
                    self.need_shown(rule, "VM_" + name, lambda proof, name=name: self.has_flag(proof, codes[name]))
        self.need_all("Flags", codes, told, "flag")

    def has_flag(self, proof, code):
        case = self.case(proof)
        return not case or any(code in vma["flags"] for expect in case["expect"] for vma in expect["vmas"])

    def check_words(self, section, wanted, what):
        told = set()
        for rule in self.of(section):
            for name in rule.words():
                told.add(name)
                self.need_shown(rule, name, lambda proof, name=name: self.has_word(proof, name, what))
        self.need_all(section, wanted, told, what)

    def has_word(self, proof, name, what):
        case = self.case(proof)
        if not case:
            return True
        if what == "call":
            return any(step.get("call") == name or name in step for step in case["steps"])
        return any(self.is_word_of(step, name) for step in case["steps"])

    @staticmethod
    def is_word_of(step, name):
        prefix, _, word = name.partition("_")
        word = {"read": "r", "write": "w", "exec": "x"}.get(word.lower(), word.lower()) if prefix == "PROT" else word.lower()
        said = {step.get("advice"), step.get("op"), step.get("request"), (step.get("request") or "").upper()}
        for key in ("flags", "prot"):
            said.update(step[key] if isinstance(step.get(key), list) else ())
        if prefix in ("PR", "UFFDIO"):
            return word in said or name.lower() in said or word.startswith("mdwe_") and "set_mdwe" in said
        return word in said

    def check_errors(self):
        told = {}
        for rule in self.of("Their errors"):
            words = rule.words()
            if len(words) < 2:
                self.problem(rule.line, "names no call and errno: " + rule.text)
                continue
            told.setdefault(words[0], set()).add(words[1])
            self.need_shown(rule, "%s -%s" % tuple(words[:2]),
                            lambda proof, words=words: self.gives_error(proof, words[0], "-" + words[1]))
        for name, errnos, calls in self.sources.errnos_of_files():
            known = set().union(*(told.get(call, set()) for call in calls or told))
            for errno in sorted(errnos - known - {"ENOSYS"}):
                self.problem("Their errors", "%s gives -%s, which no rule of %s has" % (
                    name, errno, " or ".join(sorted(calls)) or "any call"))
        self.check_given_errors(told)

    def gives_error(self, proof, call, errno):
        case = self.case(proof)
        return not case or errno in self.errors_of(case).get(call, ())

    @staticmethod
    def errors_of(case):
        found = {}
        for expect in case["expect"]:
            for step, result in zip(case["steps"], expect["results"]):
                if isinstance(result, str) and result.startswith("-"):
                    found.setdefault(step.get("call") or "touch", set()).add(result)
        return found

    def check_given_errors(self, told):
        for name, case in self.sources.cases.items():
            for call, errnos in self.errors_of(case).items():
                for errno in errnos:
                    if errno[1:] not in told.get(call, ()):
                        self.problem("Their errors", "no rule for %s %s, given in \"%s\"" % (call, errno, name))

    def tell_unproved(self):
        unproved = [rule for rule in self.rules if rule.unproved]
        proofs = {proof for rule in self.rules for proof in rule.proofs}
        print("%d rules, %d with a proof, %d names; %d are marked:" % (
            len(self.rules), sum(bool(rule.proofs) for rule in self.rules), len(proofs), len(unproved)))
        for rule in unproved:
            print("  %s%s: %s" % (rule.text.split(":")[0], "" if rule.proofs else " (no proof)", rule.unproved[0]))

    def tell_table(self):
        for rule in self.rules:
            print("%-28s %-60.60s %s" % (rule.section[:28], rule.text, "; ".join(rule.proofs) or "-"))


# --- tests/vectors/README.md ---

def counts_of_cases(sources):
    """What the README of the corpus says of itself, and what is so."""
    page = read(sources.root, "tests/vectors/README.md")
    told = {need: int(number) for need, number in re.findall(r"^\| `?([a-z-]+)`? \| (\d+) \|", page, re.M)}
    told["cases"] = int(re.search(r"There are (\d+) cases", page).group(1))
    real = {"cases": len(sources.cases)}
    for case in sources.cases.values():
        need = case.get("needs", "nothing")
        real[need] = real.get(need, 0) + 1
    return told, real


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    arguments = [word for word in sys.argv[1:] if word != "--table"]
    root = arguments[0] if arguments else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    check = Check(Sources(root), read(root, "docs/rules.md"))
    check.run()
    told, real = counts_of_cases(check.sources)
    for need in sorted(set(told) | set(real)):
        if told.get(need) != real.get(need):
            check.problems.append("tests/vectors/README.md says %s of %s, there are %s" %
                                  (told.get(need), need, real.get(need)))
    if "--table" in sys.argv:
        check.tell_table()
    check.tell_unproved()
    for problem in check.problems:
        print(problem, file=sys.stderr)
    return 1 if check.problems else 0


if __name__ == "__main__":
    sys.exit(main())
