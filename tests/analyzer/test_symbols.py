# SPDX-License-Identifier: MIT
"""Names of functions: of the module that ran, wherever it or its debug information lies now."""
import os
import shutil
import subprocess
import sys

from support import VMASCOPE, Case, main, run

SOURCE = r"""
#include <sys/mman.h>
namespace heap {
template <typename T> struct arena {
    __attribute__((noinline)) static void *grow(T size);
};
template <typename T> __attribute__((noinline)) void *arena<T>::grow(T size)
{
    void *at = mmap(0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); // line 9
    __asm__ volatile("" ::: "memory");
    return at;
}
static inline __attribute__((always_inline)) void shrink(void *at)
{
    munmap(at, 4096); // line 15
    __asm__ volatile("" ::: "memory");
}
}
__attribute__((noinline)) static void use(long size)
{
    heap::shrink(heap::arena<unsigned long>::grow(size)); // line 21
    __asm__ volatile("" ::: "memory");
}
int main() { use(8192); return 0; }
"""
GROW = "heap::arena<unsigned long>::grow(unsigned long)"


class Names(Case):
    def setUp(self):
        super().setUp()
        self.write("grower.cc", SOURCE)
        self.build("-g")
        self.trace = self.path("grower.vmt")
        subprocess.run([VMASCOPE, "record", "-o", self.trace, "--", self.path("grower")], check=True, timeout=60)

    def build(self, *flags):
        subprocess.run(["c++", "-O1", "-Wl,--build-id", *flags, "-o", self.path("grower"), self.path("grower.cc")], check=True)

    def folded(self, *args):
        done = run("export", "--format=folded", *args, self.trace)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def by_id(self, folder, source, end):
        """Puts a file where it is found by its build-id; its place."""
        note = subprocess.run(["readelf", "-n", source], capture_output=True, check=True).stdout.decode()
        build_id = note.split("Build ID: ")[1].split()[0]
        place = os.path.join(self.folder.name, folder, ".build-id", build_id[:2], build_id[2:] + end)
        os.makedirs(os.path.dirname(place))
        return place

    def test_demangled_with_file_and_line(self):
        self.assertRegex(self.folded(), r"(?m);main;.*%s;mmap 1$" % GROW.replace("(", r"\(").replace(")", r"\)"))
        text = run("report", self.trace).stdout.decode()
        self.assertIn("%s (grower.cc:9)" % GROW, text)

    def test_inlined(self):
        self.assertIn("shrink in use(long);munmap", self.folded())
        calls = run("export", "--format=csv", self.trace).stdout.decode()
        self.assertIn("shrink in use(long) (grower.cc:15) < main", calls)

    def test_the_same_of_json_lines(self):
        lines = run("export", "--format=jsonl", self.trace).stdout
        self.assertEqual(run("export", "--format=folded", self.write("grower.jsonl", lines)).stdout.decode(), self.folded())

    def test_another_file_in_its_place(self):
        self.write("grower.cc", SOURCE.replace("8192", "12288"))
        self.build("-g")
        self.assertNotIn("grow(", self.folded())
        self.assertIn("grower+0x", self.folded())
        text = run("report", self.trace).stdout.decode()
        self.assertIn("changed since the recording: " + self.path("grower"), text)

    def test_gone(self):
        os.unlink(self.path("grower"))
        self.assertNotIn("grow(", self.folded())
        self.assertIn("grower+0x", self.folded())

    def test_debug_information_by_build_id(self):
        place = self.by_id("debug", self.path("grower"), ".debug")
        subprocess.run(["objcopy", "--only-keep-debug", self.path("grower"), place], check=True)
        for prepare in (["strip", self.path("grower")], ["rm", self.path("grower")]):
            subprocess.run(prepare, check=True)
            self.assertNotIn("use(long)", self.folded())
            self.assertIn(GROW, self.folded("--debug-path=" + self.path("debug")))
            self.assertIn(GROW, self.folded("--debug-path=/nowhere:" + self.path("debug")))

    def test_module_by_build_id(self):
        shutil.move(self.path("grower"), self.by_id("debug", self.path("grower"), ""))
        self.assertIn(GROW, self.folded("--debug-path=" + self.path("debug")))

    def test_sysroot(self):
        root = self.path("root")
        os.makedirs(root + self.folder.name)
        shutil.move(self.path("grower"), root + self.path("grower"))
        self.assertNotIn(GROW, self.folded())
        self.assertIn(GROW, self.folded("--sysroot=" + root))


if __name__ == "__main__":
    if not all(shutil.which(tool) for tool in ("c++", "readelf", "objcopy", "strip")):
        print("no compiler here")
        sys.exit(77)
    main()
