/* SPDX-License-Identifier: MIT */
/*
 * test_smaps.c - texts of /proc/PID/maps and smaps, fed whole, in two pieces cut anywhere, and byte by byte:
 * the same VMAs each time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmascope/trace.h"

#include "check.h"

#define TEXT_MAX (256 << 10)

/* What was handed out, a line each: "start-end codes offset device inode name". */
struct seen {
	char text[TEXT_MAX];
	size_t length, nr;
	size_t refuse_at; /* emit fails at this VMA, 0: never */
};

static void print_flags(struct seen *seen, uint64_t flags)
{
	const char *blank = "";

	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *code = flags >> bit & 1 ? vmsc_vm_flag_code(bit) : NULL;

		if (!code)
			continue;
		seen->length += (size_t)sprintf(seen->text + seen->length, "%s%s", blank, code);
		blank = " ";
	}
	if (flags & VMSC_VM_PKEY)
		seen->length += (size_t)sprintf(seen->text + seen->length, "%skey%u", blank,
						(unsigned int)(flags >> VMSC_PKEY_SHIFT & 15));
}

static int note(void *ctx, const struct vmsc_seen_record *vma, const char *name, size_t length)
{
	struct seen *seen = ctx;

	if (++seen->nr == seen->refuse_at)
		return -EINTR;
	seen->length +=
		(size_t)sprintf(seen->text + seen->length, "%" PRIx64 "-%" PRIx64 " [", vma->start, vma->end);
	print_flags(seen, vma->vm_flags);
	seen->length +=
		(size_t)sprintf(seen->text + seen->length, "] %" PRIx64 " %x:%x %" PRIu64 " %.*s\n",
				vma->offset, vma->dev_major, vma->dev_minor, vma->inode, (int)length, name);
	return 0;
}

/* In pieces: up to @cut, then in steps of @step. The pieces lie in memory that ends with them. */
static int feed(struct seen *seen, const char *text, size_t length, size_t cut, size_t step,
		bool *flags_known)
{
	static struct vmsc_smaps smaps;
	size_t at = 0, next = cut;
	int err = 0;

	seen->length = seen->nr = 0;
	seen->text[0] = 0;
	vmsc_smaps_begin(&smaps, note, seen);
	for (; !err && at < length; at = next, next += step) {
		char *piece;

		if (next > length)
			next = length;
		piece = malloc(next - at + !(next - at));
		memcpy(piece, text + at, next - at);
		err = vmsc_smaps_feed(&smaps, piece, next - at);
		free(piece);
	}
	if (!err)
		err = vmsc_smaps_finish(&smaps);
	*flags_known = smaps.flags_known;
	return err;
}

/* The lines that stand between a VMA's first and its flags; readers need none of them. */
#define BODY_6_1                                                                                             \
	"Size:                  8 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n"            \
	"Rss:                   8 kB\nPss:                   4 kB\nPss_Dirty:             0 kB\n"            \
	"Anonymous:             0 kB\nLazyFree:              0 kB\nAnonHugePages:         0 kB\n"            \
	"ShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\nShared_Hugetlb:        0 kB\n"            \
	"Private_Hugetlb:       0 kB\nSwap:                  0 kB\nSwapPss:               0 kB\n"            \
	"Locked:                0 kB\nTHPeligible:    0\n"
#define BODY_6_12                                                                                            \
	"Size:                  8 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n"            \
	"Rss:                   8 kB\nAnonymous:             0 kB\nKSM:                   0 kB\n"            \
	"LazyFree:              0 kB\nLocked:                0 kB\nTHPeligible:           0\n"
#define BODY_6_18 BODY_6_12 "ProtectionKey:         0\n"

#define LIBC	 "7f8e5a428000-7f8e5a5b0000 r-xp 00028000 fe:01 1442531                    /usr/lib/libc.so.6\n"
#define HEAP	 "55d0c0a2b000-55d0c0a4c000 rw-p 00000000 00:00 0                          [heap]\n"
#define ANON	 "7f8e5a600000-7f8e5a602000 rw-p 00000000 00:00 0 \n"
#define VSYSCALL "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"

#define SEEN_LIBC(flags) "7f8e5a428000-7f8e5a5b0000 [" flags "] 28000 fe:1 1442531 /usr/lib/libc.so.6\n"
#define SEEN_HEAP(flags) "55d0c0a2b000-55d0c0a4c000 [" flags "] 0 0:0 0 [heap]\n"
#define SEEN_ANON(flags) "7f8e5a600000-7f8e5a602000 [" flags "] 0 0:0 0 \n"
#define ONE(rest)	 "1000-2000 r--p 00000000 00:00 0" rest
#define SEEN_ONE(name)	 "1000-2000 [rd] 0 0:0 0 " name "\n"

struct smaps_case {
	const char *name, *text, *seen;
	int err; /* after what was seen */
	bool flags_known;
};

static const struct smaps_case rows[] = {
	{"maps", HEAP LIBC ANON VSYSCALL,
	 SEEN_HEAP("rd wr") SEEN_LIBC("rd ex")
		 SEEN_ANON("rd wr") "ffffffffff600000-ffffffffff601000 [ex] 0 0:0 0 "
				    "[vsyscall]\n"},
	{"nothing: a process without memory, or one that ends", "", ""},
	{"maps, no newline at the end", "1000-2000 r--p 00000000 00:00 0 ", SEEN_ONE("")},
	{"smaps of 6.1",
	 HEAP BODY_6_1 "VmFlags: rd wr mr mw me ac \n" LIBC BODY_6_1 "VmFlags: rd ex mr mw me \n",
	 SEEN_HEAP("rd wr mr mw me ac") SEEN_LIBC("rd ex mr mw me"), .flags_known = true},
	{"smaps of 6.12",
	 HEAP BODY_6_12 "VmFlags: rd wr mr mw me ac sd \n" ANON BODY_6_12
			"VmFlags: rd wr mr mw me ac wf dd \n",
	 SEEN_HEAP("rd wr mr mw me ac sd") SEEN_ANON("rd wr mr mw me ac wf dd"), .flags_known = true},
	{"smaps of 6.18, with protection keys",
	 HEAP BODY_6_18 "VmFlags: rd wr mr mw me ac sd \n" ANON BODY_6_12
			"ProtectionKey:         3\nVmFlags: rd wr mr mw me ac sl \n" LIBC BODY_6_12
			"ProtectionKey:        15\nVmFlags: rd ex mr mw me gu \n",
	 SEEN_HEAP("rd wr mr mw me ac sd") SEEN_ANON("rd wr mr mw me ac sl key3")
		 SEEN_LIBC("rd ex mr mw me gu key15"),
	 .flags_known = true},
	{"a key after the flags", ANON "VmFlags: rd wr \nProtectionKey:         2\n", SEEN_ANON("rd wr key2"),
	 .flags_known = true},
	{"a key of four bits at most", ANON "ProtectionKey:         16\n", SEEN_ANON("rd wr")},
	{"a key that is no number", ANON "ProtectionKey: none\n", SEEN_ANON("rd wr")},
	{"smaps without flags: only the access rights are known", HEAP BODY_6_1 LIBC BODY_6_1,
	 SEEN_HEAP("rd wr") SEEN_LIBC("rd ex")},
	{"flags are what VmFlags says, not the letters", ANON "VmFlags: mr mw me nr \n",
	 SEEN_ANON("mr mw me nr"), .flags_known = true},
	{"no flags at all", "1000-2000 ---p 00000000 00:00 0 \nVmFlags: \n", "1000-2000 [] 0 0:0 0 \n",
	 .flags_known = true},
	{"codes of a kernel to come", ANON "VmFlags: rd ?? wr q9 mr \n", SEEN_ANON("rd wr mr"),
	 .flags_known = true},
	{"a line of flags without the last blank", ANON "VmFlags: rd wr", SEEN_ANON("rd wr"),
	 .flags_known = true},
	{"a line of flags that breaks off", ANON "VmFlags: rd wr m", SEEN_ANON("rd wr"), .flags_known = true},
	{"lines of a kernel to come", ANON "Zeal:                  8 kB\n\nx\nVmFlags: rd \n",
	 SEEN_ANON("rd"), .flags_known = true},
	{"every permission",
	 "1000-2000 rwxs 00000000 00:01 7 /dev/zero (deleted)\n"
	 "2000-3000 ---s 00001000 00:01 7 /dev/zero (deleted)\n"
	 "3000-4000 -w-p 00000000 00:00 0 \n",
	 "1000-2000 [rd wr ex ms] 0 0:1 7 /dev/zero (deleted)\n"
	 "2000-3000 [ms] 1000 0:1 7 /dev/zero (deleted)\n"
	 "3000-4000 [wr] 0 0:0 0 \n"},
	{"a deleted file", ONE("                          /tmp/gone (deleted)\n"),
	 SEEN_ONE("/tmp/gone (deleted)")},
	{"a name with blanks, also at its end", ONE("                          /tmp/a  b c  \n"),
	 SEEN_ONE("/tmp/a  b c  ")},
	{"a newline in a name is \\012", ONE(" /tmp/a\\012b\n"), SEEN_ONE("/tmp/a\\012b")},
	{"a backslash in a name is itself", ONE(" /tmp/a\\b\n"), SEEN_ONE("/tmp/a\\b")},
	{"a name that looks like a line", ONE(" /tmp/2000-3000 rw-p 00000000 00:00 0\n"),
	 SEEN_ONE("/tmp/2000-3000 rw-p 00000000 00:00 0")},
	{"a name of no letters", ONE(" /\x01\x80\xff\t\r\n"), SEEN_ONE("/\x01\x80\xff\t\r")},
	{"anonymous names", ONE(" [anon:a heap: b]\n") "2000-3000 rw-s 00000000 00:01 9 [anon_shmem:x]\n",
	 SEEN_ONE("[anon:a heap: b]") "2000-3000 [rd wr ms] 0 0:1 9 [anon_shmem:x]\n"},
	{"an inode ends the line", ONE("\n"), SEEN_ONE("")},
	{"an inode ends the text", ONE(""), SEEN_ONE("")},
	{"the greatest inode", "1000-2000 r--p 00000000 00:00 18446744073709551615 /f\n",
	 "1000-2000 [rd] 0 0:0 18446744073709551615 /f\n"},
	{"an inode that is too great", "1000-2000 r--p 00000000 00:00 18446744073709551616 /f\n", "",
	 -EBADMSG},
	{"an inode is no hexadecimal number", "1000-2000 r--p 00000000 00:00 12ab /f\n", "", -EBADMSG},
	{"the greatest numbers", "0-ffffffffffffffff r--p ffffffffffffffff ffffffff:ffffffff 0 \n",
	 "0-ffffffffffffffff [rd] ffffffffffffffff ffffffff:ffffffff 0 \n"},
	{"an address that is too great", "10000000000000000-20000000000000000 r--p 00000000 00:00 0 \n", "",
	 -EBADMSG},
	{"a device that is too great", "1000-2000 r--p 00000000 00:100000000 0 \n", "", -EBADMSG},
	{"an empty VMA", "1000-1000 r--p 00000000 00:00 0 \n", "", -EBADMSG},
	{"a reversed VMA", "2000-1000 r--p 00000000 00:00 0 \n", "", -EBADMSG},
	{"upper-case addresses", "1F000-2F000 r--p 00000000 00:00 0 \n", "", -EBADMSG},
	{"permissions that are none", "1000-2000 rrrp 00000000 00:00 0 \n", "", -EBADMSG},
	{"permissions that break off", "1000-2000 r--", "", -EBADMSG},
	{"a line that breaks off", "1000-2000 r--p 00000000 00:", "", -EBADMSG},
	{"a line that breaks off after the offset", "1000-2000 r--p 00000000", "", -EBADMSG},
	{"another text", "vmascope\n", "", -EBADMSG},
	{"another text that begins with a digit", "12 monkeys\n", "", -EBADMSG},
	{"an empty line before the first", "\n" ANON, "", -EBADMSG},
	{"flags before the first", "VmFlags: rd \n", "", -EBADMSG},
	{"good, then not", ANON HEAP "12 monkeys\n" LIBC, SEEN_ANON("rd wr") SEEN_HEAP("rd wr"), -EBADMSG},
};

static void test_way(const char *name, const char *text, const char *want, int want_err, bool want_flags,
		     size_t cut, size_t step)
{
	static struct seen seen;
	bool flags_known;
	int err = feed(&seen, text, strlen(text), cut, step, &flags_known);

	CHECK(err == want_err, "%s, cut at %zu, %zu: %d, not %d", name, cut, step, err, want_err);
	CHECK(!strcmp(seen.text, want), "%s, cut at %zu, %zu: seen\n%s", name, cut, step, seen.text);
	CHECK(flags_known == want_flags, "%s, cut at %zu, %zu: flags are %sknown", name, cut, step,
	      flags_known ? "" : "not ");
}

static void test_row(const struct smaps_case *row)
{
	size_t length = strlen(row->text);

	for (size_t cut = 0; cut <= length; cut++)
		test_way(row->name, row->text, row->seen, row->err, row->flags_known, cut, length + 1);
	test_way(row->name, row->text, row->seen, row->err, row->flags_known, 1, 1);
	test_way(row->name, row->text, row->seen, row->err, row->flags_known, 3, 7);
}

/* Names as long as the kernel's paths can be, and longer; lines longer than any. */
static const struct {
	const char *name;
	size_t blanks, length, kept;
} lengths[] = {
	{"the longest path", 1, 4095, 4095},   {"and deleted", 1, 4104, 4104},
	{"one byte longer", 1, 4105, 4104},    {"as long as a line", 1, 4608, 4104},
	{"longer than a line", 1, 9000, 4104}, {"many blanks before it", 1000, 4104, 4608 - 1000 - 31},
	{"blanks alone", 9000, 0, 0},
};

static void test_lengths(void)
{
	static char text[TEXT_MAX], want[TEXT_MAX];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t at = (size_t)sprintf(text, ONE("%*s"), (int)lengths[i].blanks, "");

		memset(text + at, 'n', lengths[i].length);
		strcpy(text + at + lengths[i].length, "\n" HEAP);
		at = (size_t)sprintf(want, "1000-2000 [rd] 0 0:0 0 ");
		memset(want + at, 'n', lengths[i].kept);
		strcpy(want + at + lengths[i].kept, "\n" SEEN_HEAP("rd wr"));
		test_way(lengths[i].name, text, want, 0, false, strlen(text), 1);
		test_way(lengths[i].name, text, want, 0, false, 1, 1);
		test_way(lengths[i].name, text, want, 0, false, 100, 4096);
	}
}

/* What the receiver refuses ends the reading. */
static void test_refusal(void)
{
	static struct seen seen = {.refuse_at = 2};
	bool flags_known;

	for (size_t step = 1; step < 400; step += 57) {
		int err = feed(&seen, HEAP LIBC ANON, strlen(HEAP LIBC ANON), step, step, &flags_known);

		CHECK(err == -EINTR && seen.nr == 2, "refused in steps of %zu: %d", step, err);
	}
}

/* The running kernel's own texts are of this kind. */
static void test_own(const char *path, bool flags)
{
	static struct seen seen;
	static struct vmsc_smaps smaps;
	char buffer[1000];
	size_t length;
	FILE *in = fopen(path, "r");
	int err = 0;

	seen.length = seen.nr = 0;
	vmsc_smaps_begin(&smaps, note, &seen);
	while (in && !err && (length = fread(buffer, 1, sizeof(buffer), in)) && seen.length < TEXT_MAX / 2)
		err = vmsc_smaps_feed(&smaps, buffer, length);
	if (!err)
		err = vmsc_smaps_finish(&smaps);
	CHECK(in && !err && seen.nr > 5 && strstr(seen.text, "[stack]"), "%s: %d after %zu VMAs", path, err,
	      seen.nr);
	CHECK(!flags || smaps.flags_known, "%s has no flags", path);
	if (in)
		fclose(in);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		test_row(&rows[i]);
	test_lengths();
	test_refusal();
	test_own("/proc/self/maps", false);
	test_own("/proc/self/smaps", true);
	return check_result("smaps");
}
