#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attacks on what docs/security.md promises: `test_security.py TOPIC`. 77: it takes root to play two users."""
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

VMASCOPE, LIBRARY, CC, INCLUDE = (os.environ[name] for name in ("VMASCOPE", "LIBRARY", "CC", "INCLUDE"))
HERE = os.path.dirname(os.path.abspath(__file__))
NOBODY = 65534
SECRET = b"what the user keeps\n"
EVIL = b"\x1b]0;owned\x07\xc2\x9b32m\xe2\x80\xae"


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VMASCOPE_", "LD_PRELOAD"))}
    return dict(kept, **more)


def run(*command, status=0, **options):
    options.setdefault("env", environment())
    done = subprocess.run(command, capture_output=True, **options)
    assert status is None or done.returncode == status, (command, done)
    return done


def bare(*command, library=LIBRARY, cwd=None, **settings):
    return run(*command, env=environment(LD_PRELOAD=library, **settings), cwd=cwd)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def victim(base, name="victim"):
    path = os.path.join(base, name)
    with open(path, "wb") as out:
        out.write(SECRET)
    return path


def is_untouched(path):
    return open(path, "rb").read() == SECRET


def need_root():
    if os.geteuid():
        sys.exit(77)


def compile(base, source, *flags, to=None):
    program = os.path.join(base, to or os.path.splitext(source)[0])
    run(CC, "-D_GNU_SOURCE", "-O1", "-g", "-I", INCLUDE, "-o", program, os.path.join(HERE, source), *flags)
    return program


def topic_modes(base):
    """Whatever the umask: what a trace tells is for its owner alone."""
    os.umask(0)
    trace, report, lines, bared = (os.path.join(base, name) for name in ("t.vmt", "r.json", "l.jsonl", "bare.json"))
    run(VMASCOPE, "record", "-o", trace, "--report=" + report, "--", "true")
    run(VMASCOPE, "export", trace, "--format=jsonl", "-o", lines)
    bare("true", VMASCOPE_OUT=bared, VMASCOPE_TRACE=bared + ".vmt")
    rows = os.path.join(base, "rows.sqlite")
    if b"sqlite" in run(VMASCOPE, "export", trace, "--format=sqlite", "-o", rows, status=None).stderr:
        rows = lines  # built without
    for path in trace, report, lines, rows, bared, bared + ".vmt":
        assert mode(path) == 0o600, (path, oct(mode(path)))


def topic_links(base):
    """A link where a file of ours shall be: what it leads to is neither written nor emptied."""
    target = victim(base)
    for name, command in (
        ("report.json", lambda path: bare("true", VMASCOPE_OUT=path)),
        ("trace.vmt", lambda path: bare("true", VMASCOPE_TRACE=path, VMASCOPE_OUT=path + ".json")),
        ("kept.json", lambda path: run(VMASCOPE, "record", "-o", path + ".vmt", "--report=" + path, "--", "true",
                                       status=125)),
        ("kept.vmt", lambda path: run(VMASCOPE, "record", "-o", path, "--", "true", status=125)),
    ):
        path = os.path.join(base, name)
        os.symlink(target, path)
        command(path)
        assert is_untouched(target), name
    made = [name for name in os.listdir(base) if name.startswith("trace.vmt.") and name != "trace.vmt.json"]
    assert made, "the trace is written under another name"
    dangling = os.path.join(base, "dangling.vmt")
    os.symlink(os.path.join(base, "made"), dangling)
    bare("true", VMASCOPE_TRACE=dangling, VMASCOPE_OUT=os.path.join(base, "x.json"))
    assert not os.path.exists(os.path.join(base, "made"))


def topic_others(base):
    """In a folder where others write: their links, pipes and files, and second names of ours, are refused."""
    need_root()
    shared = os.path.join(base, "shared")
    os.mkdir(shared)
    os.chmod(shared, 0o1777)
    os.chmod(base, 0o755)
    target, trace = victim(base), os.path.join(base, "t.vmt")
    run(VMASCOPE, "record", "-o", trace, "--", "true")
    link, pipe, file, second = (os.path.join(shared, name) for name in ("link", "pipe", "file", "second"))
    os.symlink(target, link)
    os.mkfifo(pipe)
    victim(shared, "file")
    os.link(target, second)
    for path in link, pipe, file:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for path in link, pipe, file, second:
        said = run(VMASCOPE, "export", trace, "--format=jsonl", "-o", path, status=2).stderr
        assert b"can't write" in said, said
        assert is_untouched(target) and is_untouched(file), path
    run(VMASCOPE, "record", f"--report={pipe}", "--", "true", status=None)
    bare("true", VMASCOPE_OUT=pipe)
    assert os.read(reader, 100) == b"", "the report went to somebody's pipe"
    own = os.path.join(shared, "own")
    run(VMASCOPE, "export", trace, "--format=jsonl", "-o", own)
    run(VMASCOPE, "export", trace, "--format=jsonl", "-o", "/dev/stdout")
    assert mode(own) == 0o600


def topic_session(base):
    """A folder's name can't add a line to what the launcher believes of its children."""
    folder = os.path.join(base, "a\n1\t", "b\t", "c")
    os.makedirs(folder)
    for how in "-ot.vmt", "--report=r.json":
        done = run(VMASCOPE, "record", how, "--", "true", cwd=folder, status=125)
        assert b"tab or a line's end" in done.stderr, done.stderr


def topic_became(base):
    """Processes of root's that become another user's are recorded, and what else lies in the launcher's folder is not taken."""
    need_root()
    os.chmod(base, 0o755)
    if subprocess.run(["cat", LIBRARY], preexec_fn=as_nobody, capture_output=True).returncode:
        sys.exit(77)  # a checkout that only root can see
    secret = victim(base)
    os.chmod(secret, 0o600)
    attack = ('d=${VMASCOPE_SESSION%/*}; ln -s ' + secret + ' $d/link.as1; mkfifo $d/fifo.as1; echo no trace > $d/text.as1; '
              'ls $d; echo "1\t/etc/passwd\t' + secret + '" >> $VMASCOPE_SESSION; exec ls /')
    done = run(VMASCOPE, "record", "-o", "t.vmt", "--report=r.json", "--", "setpriv", "--reuid=65534", "--regid=65534",
               "--clear-groups", "/bin/sh", "-c", attack, cwd=base, env=environment(TMPDIR="/tmp"))
    assert done.stderr.count(b"Permission denied") == 2, done.stderr  # the folder's names, the session
    assert is_untouched(secret)
    made = {entry: os.lstat(os.path.join(base, entry)) for entry in os.listdir(base)}
    assert all(stat.S_ISREG(about.st_mode) and about.st_uid == 0 and not about.st_mode & 0o077
               for about in made.values()), made
    reports = [json.load(open(os.path.join(base, entry))) for entry in made
               if re.fullmatch(r"t\.vmt\.\d+\.as65534(\.exec\d+)?\.json", entry) and made[entry].st_size]
    programs = {os.path.basename(report["process"]["argv"][0]) for report in reports}
    assert programs == {"sh", "ln", "mkfifo", "ls"}, (programs, made.keys())
    assert {report["verdict"] for report in reports} == {"match"}
    assert not any(re.match("link|fifo|text", entry) for entry in made), made.keys()


def topic_settings(base):
    """A setting is a name and a name only: nothing in it is a format or a command."""
    name = "r%s%%n%x$(touch pwned);`touch pwned`|touch pwned\n"
    settings = {key: "%n%s$(touch pwned)" for key in ("VMASCOPE_RULES", "VMASCOPE_RULES_SOURCE", "VMASCOPE_CHECK")}
    bare("true", cwd=base, VMASCOPE_OUT=name, TMPDIR="$(touch pwned)", HOME="%n%n", XDG_CACHE_HOME="%n", **settings)
    made = [entry for entry in os.listdir(base) if entry.startswith("r%")]
    assert made == [name.replace("%%", "%")], os.listdir(base)
    assert "pwned" not in os.listdir(base)
    program = shutil.copy(shutil.which("true"), os.path.join(base, "%n%s%p"))
    bare(program, cwd=base, VMASCOPE_OUT="comm.%e.json")
    run(VMASCOPE, "record", "--report=record.%e.json", "--", program, cwd=base)
    for path in "comm.%n%s%p.json", "record.%n%s%p.json":
        assert json.load(open(os.path.join(base, path)))["process"]["argv"] == [program]


def plant(base, where):
    """A command that tells that it ran, and how."""
    path = os.path.join(base, where, "vmascope")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(f"#!/bin/sh\n(env; echo args $0 $*; ls -l /proc/self/fd; umask) >{base}/ran\n")
    os.chmod(path, 0o755)
    return path


def topic_writer(base):
    """The writer is what was installed beside the library, by its whole name, with nothing of the program's."""
    library = os.path.join(base, "home", "lib", "vmascope", "libvmascope.so")
    os.makedirs(os.path.dirname(library))
    shutil.copy(LIBRARY, library)
    ran = os.path.join(base, "ran")
    planted = plant(base, "bin")
    os.chmod(planted, 0o777)
    plant(base, "path")
    settings = dict(VMASCOPE_OUT=os.path.join(base, "r.json"), PATH=f"{base}/path:{os.environ['PATH']}", SECRET="x")
    bare("/bin/true", library=library, cwd=base, **settings)
    assert not os.path.exists(ran), "ran what anybody may write, or what PATH names"
    if not os.geteuid():
        os.chmod(planted, 0o755)
        os.chown(planted, NOBODY, NOBODY)
        bare("/bin/true", library=library, cwd=base, **settings)
        assert not os.path.exists(ran), "ran another user's command"
        os.chown(planted, 0, 0)
    os.chmod(planted, 0o755)
    run("/bin/sh", "-c", "exec 7</dev/null; exec /bin/true", env=environment(LD_PRELOAD=library, **settings), cwd=base)
    said = open(ran).read()
    names = set(re.findall(r"^([A-Z_]+)=", said, re.M)) - {"PWD", "OLDPWD", "SHLVL", "_"}
    assert names <= {"PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "XDG_CACHE_HOME"}, names
    assert all(word.startswith("/") for word in re.search(r"^args (.*)", said, re.M)[1].split()
               if word not in ("write-report", "--remove-trace") and not word.startswith("--started=")), said
    fds = {int(fd) for fd in re.findall(r" (\d+) -> ", said)}
    assert not any(f" {fd} -> /dev/null" in said for fd in fds - {0, 1, 2, 10}), said


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def topic_secure(base):
    """A program with more rights than its caller is not recorded, even where the library is linked to it."""
    need_root()
    os.chmod(base, 0o755)
    library = shutil.copy(LIBRARY, os.path.join(base, "libvmascope.so"))
    program = compile(base, "secure.c", library, "-Wl,-rpath," + base)
    out = os.path.join(base, "out")
    os.mkdir(out)
    os.chmod(out, 0o777)
    settings = dict(VMASCOPE_OUT=out + "/r.%p.json", VMASCOPE_TRACE=out + "/t.%p.vmt", HOME=out)
    said = run(program, env=environment(**settings), preexec_fn=as_nobody).stdout
    assert said == b"0 mapped 0\n" and os.listdir(out), "without more rights it is recorded"
    for entry in os.listdir(out):
        os.unlink(os.path.join(out, entry))
    os.chmod(program, 0o4755)
    said = run(program, env=environment(LD_PRELOAD=library, **settings), preexec_fn=as_nobody).stdout
    if said.startswith(b"0 "):
        sys.exit(77)  # a folder mounted nosuid
    assert said == b"1 mapped -1\n", said
    assert not os.listdir(out), os.listdir(out)


COMMANDING = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")


def check_output(what, done):
    for text in done.stdout, done.stderr:
        text = text.replace(b"\r\n", b"\n")  # CSV
        found = COMMANDING.search(text.replace(b"\t", b"") if b"json" in b" ".join(map(os.fsencode, what)) else text)
        assert not found, (what, text[max(found.start() - 60, 0):found.end() + 60])
        text.decode()


def record_hostile(base):
    program = compile(base, "hostile.c")
    if shutil.which("objcopy"):
        run("objcopy", b"--redefine-sym=evil_symbol=" + EVIL, program)
    folder = os.fsencode(base) + b"/" + EVIL
    os.mkdir(folder)
    hostile = os.path.join(folder, EVIL)
    shutil.copy(program, hostile)
    trace, report = folder + b"/t.vmt", os.path.join(base, "r.json")
    check_output(["record"], run(VMASCOPE, "record", "-o", trace, "--report=" + report, "--", hostile, base, EVIL))
    check_output(["record"], run(VMASCOPE, "record", "-o", trace + b"2", "--report=%e.json", "--", hostile, base,
                                 cwd=base))
    for name in os.listdir(base):
        assert not name.endswith(".json") or not COMMANDING.search(os.fsencode(name)), name
    return trace, report


def topic_terminal(base):
    """No name that a program chose reaches the terminal as a command to it, by any output."""
    trace, report = record_hostile(base)
    vmas = json.load(open(report))["vmas"]
    addr = next(vma["start"] for vma in vmas if "owned" in (vma.get("path") or "") and vma["born"]["call"])
    lines = trace + b".jsonl"
    run(VMASCOPE, "export", trace, "--format=jsonl", "-o", lines)
    for given in trace, lines:
        for what in (["check", given], ["check", given, "--json"], ["report", given], ["report", given, given],
                     ["report", given, "--json"], ["why", given, addr], ["why", given, addr, "--json"],
                     ["replay", given], ["export", given, "--format=jsonl"], ["export", given, "--format=chrome"],
                     ["export", given, "--format=csv"], ["export", given, "--format=csv", "--of=vmas"],
                     ["export", given, "--format=folded"], ["diff", given, given],
                     ["report", given, "--summary"]):
            done = run(VMASCOPE, *what, status=None)
            if b"unknown" not in done.stderr:
                check_output(what, done)
                assert what[0] == "replay" or b"owned" in done.stdout, (what, done)
    summary = os.path.join(base, "summary")
    with open(summary, "wb") as out:
        out.write(run(VMASCOPE, "report", "--summary", b"--label=" + EVIL, trace).stdout)
    for what in ["merge", summary], ["merge", "--text", summary]:
        check_output(what, run(VMASCOPE, *what))
    for what in (["check", EVIL], ["report", EVIL], ["record", "--", EVIL], [EVIL], ["record", b"--" + EVIL],
                 ["record", b"-o" + os.path.dirname(trace), "--", "true"], ["export", trace, b"--format=" + EVIL]):
        done = run(VMASCOPE, *what, status=None)
        assert done.returncode and b"owned" in done.stderr, (what, done)
        check_output(what, done)
    with open(os.path.join(base, "bad.jsonl"), "wb") as out:
        out.write(b'{"' + EVIL.replace(b"\x1b", b"\\u001b").replace(b"\x07", b"\\u0007") + b'":1}\n')
    check_output(["check"], run(VMASCOPE, "check", os.path.join(base, "bad.jsonl"), status=2))


def topic_page(base):
    """The page loads nothing, from nowhere, and a name in it is a name."""
    folder = os.path.join(base, "a<", "script><script>alert(1)<")  # with its slash: an end of the page's own script
    os.makedirs(folder)
    program = shutil.copy(shutil.which("true"), os.path.join(folder, "img src=x onerror=alert(2)>"))
    trace, page = os.path.join(base, "t.vmt"), os.path.join(base, "page.html")
    run(VMASCOPE, "record", "--follow=off", "-o", trace, "--", program)
    run(VMASCOPE, "report", "--html", page, trace)
    text = open(page).read()
    assert mode(page) == 0o600
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy and "default-src 'none'" in policy[1] and "http" not in policy[1], policy
    assert text.index(policy[0]) < text.index("<script"), "the policy comes before what it is for"
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:|//)|@import|url\(""", text), "loads something"
    assert "alert(1)" in text and "alert(2)" in text
    for name in "<script>alert(1)", "<img src=x onerror":
        assert name not in text, name


with tempfile.TemporaryDirectory(prefix="vmascope-security.") as folder:
    globals()["topic_" + sys.argv[1]](os.path.realpath(folder))
