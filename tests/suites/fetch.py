# SPDX-License-Identifier: MIT
"""What other people's tests are in: packages of Debian and Ubuntu, fetched once to a folder of the user's.

Only files are unpacked; nothing is installed, and the system's list of sources stays as it is."""
import glob
import os
import shutil
import subprocess
import tempfile

ARCHIVES = {
    "debian": ("http://deb.debian.org/debian", "/usr/share/keyrings/debian-archive-keyring.gpg", "main"),
    "ubuntu": ("http://archive.ubuntu.com/ubuntu", "/usr/share/keyrings/ubuntu-archive-keyring.gpg", "main universe"),
}


class Missing(Exception):
    """The tests are not to be had here, and why."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(base, "vmascope-suites")
    os.makedirs(folder, exist_ok=True)
    return folder


def os_release():
    words = {}
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                words[key] = value.strip('"')
    except OSError:
        pass
    return words


def apt_options():
    """apt with sources and lists of our own."""
    release = os_release()
    if release.get("ID") not in ARCHIVES or not shutil.which("apt-get"):
        raise Missing("neither Debian nor Ubuntu, which have the tests as packages")
    address, key, parts = ARCHIVES[release["ID"]]
    folder = os.path.join(cache_folder(), "apt")
    os.makedirs(folder + "/lists/partial", exist_ok=True)
    with open(folder + "/sources.list", "w", encoding="utf-8") as file:
        for kind in "deb", "deb-src":
            file.write("%s [signed-by=%s] %s %s %s\n" % (kind, key, address, release["VERSION_CODENAME"], parts))
    settings = {"Dir::Etc::sourcelist": folder + "/sources.list", "Dir::Etc::sourceparts": "/dev/null",
                "Dir::State::Lists": folder + "/lists", "Dir::Cache::srcpkgcache": "", "Dir::Cache::pkgcache": "",
                "APT::Sandbox::User": "root"}
    return [word for item in settings.items() for word in ("-o", "%s=%s" % item)]


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().split("\n")[-1]
        raise Missing("%s failed: %s" % (" ".join(w for w in command if w[0] != "-" and "::" not in w), said))


def fetched(name, fill):
    """The folder `name` of the cache; where it is missing, `fill` makes it, in one piece or not at all."""
    folder = os.path.join(cache_folder(), name)
    if os.path.isdir(folder):
        return folder
    with tempfile.TemporaryDirectory(prefix="new.", dir=cache_folder()) as new:
        run(["apt-get"] + apt_options() + ["update"], new)
        os.rename(fill(new), folder)
    return folder


def source(package):
    """The unpacked source package, with the distribution's patches."""
    def fill(new):
        run(["apt-get"] + apt_options() + ["source", package], new)
        found = [name for name in glob.glob(new + "/*") if os.path.isdir(name)]
        if len(found) != 1:
            raise Missing("the source package %s did not unpack to one folder" % package)
        return found[0]
    return fetched("source." + package, fill)


def package(name):
    """A binary package's files."""
    def fill(new):
        run(["apt-get"] + apt_options() + ["download", name], new)
        run(["dpkg", "-x", glob.glob(new + "/*.deb")[0], new + "/files"], new)
        return new + "/files"
    return fetched("package." + name, fill)
