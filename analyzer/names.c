/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <string.h>

/* Numbers are written out: they are the kernel's, and the headers that this is compiled with may be older. */
/* clang-format off */
#define BIT_(text, value) { text, value, value }

static const struct vmsc_word prot[] = {
	BIT_("r", 1), BIT_("w", 2), BIT_("x", 4), BIT_("sem", 8),
	BIT_("growsdown", 0x01000000), BIT_("growsup", 0x02000000), { NULL, 0, 0 },
};

static const struct vmsc_word map_flags[] = {
	{ "shared", 1, 15 }, { "private", 2, 15 }, { "shared_validate", 3, 15 }, { "droppable", 8, 15 },
	BIT_("fixed", 0x10), BIT_("anonymous", 0x20), BIT_("32bit", 0x40), BIT_("above4g", 0x80),
	BIT_("growsdown", 0x100), BIT_("denywrite", 0x800), BIT_("executable", 0x1000), BIT_("locked", 0x2000),
	BIT_("noreserve", 0x4000), BIT_("populate", 0x8000), BIT_("nonblock", 0x10000), BIT_("stack", 0x20000),
	BIT_("hugetlb", 0x40000), BIT_("sync", 0x80000), BIT_("fixed_noreplace", 0x100000),
	BIT_("uninitialized", 0x4000000), { NULL, 0, 0 },
};

static const struct vmsc_word mremap_flags[] = {
	BIT_("maymove", 1), BIT_("fixed", 2), BIT_("dontunmap", 4), { NULL, 0, 0 },
};

static const struct vmsc_word mlock2_flags[] = { BIT_("onfault", 1), { NULL, 0, 0 } };

static const struct vmsc_word mlockall_flags[] = {
	BIT_("current", 1), BIT_("future", 2), BIT_("onfault", 4), { NULL, 0, 0 },
};

static const struct vmsc_word msync_flags[] = {
	BIT_("async", 1), BIT_("invalidate", 2), BIT_("sync", 4), { NULL, 0, 0 },
};

static const struct vmsc_word shmat_flags[] = {
	BIT_("rdonly", 010000), BIT_("rnd", 020000), BIT_("remap", 040000), BIT_("exec", 0100000), { NULL, 0, 0 },
};

static const struct vmsc_word mbind_flags[] = {
	BIT_("strict", 1), BIT_("move", 2), BIT_("move_all", 4), { NULL, 0, 0 },
};

#define IS(text, value) { text, value, UINT64_MAX }

static const struct vmsc_word mbind_mode[] = {
	IS("default", 0), IS("preferred", 1), IS("bind", 2), IS("interleave", 3), IS("local", 4),
	IS("preferred_many", 5), IS("weighted_interleave", 6), { NULL, 0, 0 },
};

static const struct vmsc_word advice[] = {
	IS("normal", 0), IS("random", 1), IS("sequential", 2), IS("willneed", 3), IS("dontneed", 4), IS("free", 8),
	IS("remove", 9), IS("dontfork", 10), IS("dofork", 11), IS("mergeable", 12), IS("unmergeable", 13),
	IS("hugepage", 14), IS("nohugepage", 15), IS("dontdump", 16), IS("dodump", 17), IS("wipeonfork", 18),
	IS("keeponfork", 19), IS("cold", 20), IS("pageout", 21), IS("populate_read", 22), IS("populate_write", 23),
	IS("dontneed_locked", 24), IS("collapse", 25), IS("hwpoison", 100), IS("soft_offline", 101),
	IS("guard_install", 102), IS("guard_remove", 103), { NULL, 0, 0 },
};

static const struct vmsc_word prctl_op[] = {
	IS("set_mm", 35), IS("set_thp_disable", 41), IS("get_thp_disable", 42), IS("set_mdwe", 65), IS("get_mdwe", 66),
	IS("set_memory_merge", 67), IS("get_memory_merge", 68), IS("set_vma", 0x53564d41), { NULL, 0, 0 },
};

static const struct vmsc_word arch_prctl_op[] = {
	IS("set_gs", 0x1001), IS("set_fs", 0x1002), IS("get_fs", 0x1003), IS("get_gs", 0x1004),
	IS("map_vdso_x32", 0x2001), IS("map_vdso_32", 0x2002), IS("map_vdso_64", 0x2003),
	IS("shstk_enable", 0x5001), IS("shstk_disable", 0x5002), IS("shstk_lock", 0x5003), { NULL, 0, 0 },
};

static const struct vmsc_word ioctl_request[] = {
	IS("uffdio_api", 0xc018aa3f), IS("uffdio_register", 0xc020aa00), IS("uffdio_unregister", 0x8010aa01),
	IS("uffdio_wake", 0x8010aa02), IS("uffdio_copy", 0xc028aa03), IS("uffdio_zeropage", 0xc020aa04),
	IS("uffdio_move", 0xc028aa05), IS("uffdio_writeprotect", 0xc018aa06), IS("uffdio_continue", 0xc020aa07),
	IS("uffdio_poison", 0xc020aa08), { NULL, 0, 0 },
};

static const struct vmsc_word rlimit_resource[] = {
	IS("cpu", 0), IS("fsize", 1), IS("data", 2), IS("stack", 3), IS("core", 4), IS("rss", 5), IS("nproc", 6),
	IS("nofile", 7), IS("memlock", 8), IS("as", 9), { NULL, 0, 0 },
};

#define A(key) { key, VMSC_FORM_ADDRESS, NULL }
#define H(key) { key, VMSC_FORM_HEX, NULL }
#define N(key) { key, VMSC_FORM_NUMBER, NULL }
#define FD(key) { key, VMSC_FORM_FD, NULL }
#define W(key, words) { key, VMSC_FORM_WORD, words }
#define WS(key, words) { key, VMSC_FORM_WORDS, words }

static const struct vmsc_syscall syscalls[] = {
	{ "close", 3, false, { FD("fd") } },
	{ "mmap", 9, true, { A("addr"), N("len"), WS("prot", prot), WS("flags", map_flags), FD("fd"), N("offset") } },
	{ "mprotect", 10, false, { A("addr"), N("len"), WS("prot", prot) } },
	{ "munmap", 11, false, { A("addr"), N("len") } },
	{ "brk", 12, true, { A("addr") } },
	{ "ioctl", 16, false, { FD("fd"), W("request", ioctl_request), H("arg") } },
	{ "mremap", 25, true, { A("addr"), N("old_len"), N("new_len"), WS("flags", mremap_flags), A("new_addr") } },
	{ "msync", 26, false, { A("addr"), N("len"), WS("flags", msync_flags) } },
	{ "mincore", 27, false, { A("addr"), N("len"), A("vec") } },
	{ "madvise", 28, false, { A("addr"), N("len"), W("advice", advice) } },
	{ "shmget", 29, false, { H("key"), N("size"), H("flags") } },
	{ "shmat", 30, true, { FD("shmid"), A("addr"), WS("flags", shmat_flags) } },
	{ "shmctl", 31, false, { FD("shmid"), N("cmd"), A("buf") } },
	{ "clone", 56, false, { H("flags"), A("child_stack"), A("parent_tid"), A("child_tid"), A("tls") } },
	{ "fork", 57, false, { { NULL, VMSC_FORM_NONE, NULL } } },
	{ "vfork", 58, false, { { NULL, VMSC_FORM_NONE, NULL } } },
	{ "execve", 59, false, { A("path"), A("argv"), A("envp") } },
	{ "exit", 60, false, { FD("status") } },
	{ "shmdt", 67, false, { A("addr") } },
	{ "uselib", 134, false, { A("path") } },
	{ "personality", 135, false, { H("persona") } },
	{ "mlock", 149, false, { A("addr"), N("len") } },
	{ "munlock", 150, false, { A("addr"), N("len") } },
	{ "mlockall", 151, false, { WS("flags", mlockall_flags) } },
	{ "munlockall", 152, false, { { NULL, VMSC_FORM_NONE, NULL } } },
	{ "prctl", 157, false, { W("op", prctl_op), H("arg2"), H("arg3"), H("arg4"), H("arg5") } },
	{ "arch_prctl", 158, false, { W("op", arch_prctl_op), H("arg2") } },
	{ "setrlimit", 160, false, { W("resource", rlimit_resource), A("limit") } },
	{ "io_setup", 206, false, { N("nr_events"), A("ctx") } },
	{ "io_destroy", 207, false, { A("ctx") } },
	{ "remap_file_pages", 216, false, { A("addr"), N("len"), WS("prot", prot), N("pgoff"), WS("flags", map_flags) } },
	{ "exit_group", 231, false, { FD("status") } },
	{ "mbind", 237, false, { A("addr"), N("len"), W("mode", mbind_mode), A("nodemask"), N("maxnode"),
				 WS("flags", mbind_flags) } },
	{ "set_mempolicy", 238, false, { W("mode", mbind_mode), A("nodemask"), N("maxnode") } },
	{ "migrate_pages", 256, false, { FD("pid"), N("maxnode"), A("old_nodes"), A("new_nodes") } },
	{ "move_pages", 279, false, { FD("pid"), N("count"), A("pages"), A("nodes"), A("status"), H("flags") } },
	{ "prlimit64", 302, false, { FD("pid"), W("resource", rlimit_resource), A("new_limit"), A("old_limit") } },
	{ "execveat", 322, false, { FD("dirfd"), A("path"), A("argv"), A("envp"), H("flags") } },
	{ "userfaultfd", 323, false, { H("flags") } },
	{ "mlock2", 325, false, { A("addr"), N("len"), WS("flags", mlock2_flags) } },
	{ "pkey_mprotect", 329, false, { A("addr"), N("len"), WS("prot", prot), FD("pkey") } },
	{ "pkey_alloc", 330, false, { H("flags"), H("rights") } },
	{ "pkey_free", 331, false, { FD("pkey") } },
	{ "io_uring_setup", 425, false, { N("entries"), A("params") } },
	{ "clone3", 435, false, { A("clone_args"), N("size") } },
	{ "process_madvise", 440, false, { FD("pidfd"), A("vec"), N("vlen"), W("advice", advice), H("flags") } },
	{ "memfd_secret", 447, false, { H("flags") } },
	{ "process_mrelease", 448, false, { FD("pidfd"), H("flags") } },
	{ "set_mempolicy_home_node", 450, false, { A("addr"), N("len"), N("home_node"), H("flags") } },
	{ "map_shadow_stack", 453, true, { A("addr"), N("len"), H("flags") } },
	{ "mseal", 462, false, { A("addr"), N("len"), H("flags") } },
};

#define E(name) { name, #name }

static const struct {
	int number;
	const char *name;
} errors[] = {
	E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(ENOEXEC), E(EBADF), E(ECHILD), E(EAGAIN),
	E(ENOMEM), E(EACCES), E(EFAULT), E(ENOTBLK), E(EBUSY), E(EEXIST), E(EXDEV), E(ENODEV), E(ENOTDIR), E(EISDIR),
	E(EINVAL), E(ENFILE), E(EMFILE), E(ENOTTY), E(ETXTBSY), E(EFBIG), E(ENOSPC), E(ESPIPE), E(EROFS), E(EMLINK),
	E(EPIPE), E(EDOM), E(ERANGE), E(EDEADLK), E(ENAMETOOLONG), E(ENOLCK), E(ENOSYS), E(ENOTEMPTY), E(ELOOP),
	E(EIDRM), E(ENODATA), E(ETIME), E(EPROTO), E(EBADMSG), E(EOVERFLOW), E(EBADFD), E(EOPNOTSUPP), E(ENOBUFS),
	E(ETIMEDOUT), E(EALREADY), E(EINPROGRESS), E(ESTALE), E(EDQUOT), E(ECANCELED), E(ENOKEY), E(EOWNERDEAD),
	E(ENOTRECOVERABLE), E(ERFKILL), E(EHWPOISON), E(EUCLEAN),
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct vmsc_syscall *vmsc_syscall_of_number(unsigned int nr)
{
	size_t i;

	for (i = 0; i < COUNT(syscalls); i++)
		if (syscalls[i].nr == nr)
			return &syscalls[i];
	return NULL;
}

const struct vmsc_syscall *vmsc_syscall_of_name(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(syscalls); i++)
		if (!strcmp(syscalls[i].name, name))
			return &syscalls[i];
	return NULL;
}

const char *vmsc_errno_name(int number)
{
	size_t i;

	for (i = 0; i < COUNT(errors); i++)
		if (errors[i].number == number)
			return errors[i].name;
	return NULL;
}

int vmsc_errno_of_name(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(errors); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].number;
	return 0;
}
