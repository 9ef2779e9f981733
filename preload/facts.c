/* SPDX-License-Identifier: MIT */
/* facts.c - see facts.h. */
#include "facts.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "arena.h"
#include "fdtable.h"
#include "idtable.h"
#include "look.h"
#include "sys.h"
#include "text.h"
#include "writer.h"

#include "inject.h"

#define MAGIC_EXT4 0xEF53
#define MAGIC_XFS 0x58465342
#define MAGIC_BTRFS 0x9123683E
#define MAGIC_TMPFS 0x01021994
#define MAGIC_HUGETLBFS 0x958458f6
#define MAGIC_ANON_INODE 0x09041934
#define MAGIC_SECRETMEM 0x5345434d
#define STATFS_NOEXEC 8 /* ST_NOEXEC of statfs.f_flags */
#define SEAL_WRITE 0x0008
#define SEAL_FUTURE_WRITE 0x0010
#define GET_SEALS 1034
#define NAME_SIZE 80
#define NR_GONE 512 /* numbers in a record */

/* A file that was mapped; its key is the inode. */
struct known {
	struct vmsc_id_entry head;
	struct vmsc_file file;
	int fd; /* it was last seen at */
	uint32_t path_length;
	char *path;
};

/* Its key is a hash of the text. */
struct told_name {
	struct vmsc_id_entry head;
	char text[NAME_SIZE];
};

/* Its key is a hash of mode and nodes. */
struct policy {
	struct vmsc_id_entry head;
};

static struct vmsc_id_table files = { .size = sizeof(struct known) };
static struct vmsc_id_table names = { .size = sizeof(struct told_name) };
static struct vmsc_id_table policies = { .size = sizeof(struct policy) };
static struct vmsc_forget_record gone = { .nr = 0 };
static uint32_t gone_files[NR_GONE] = { 0 };
static char path[PATH_MAX] = { 0 };

static void tell_file(const struct known *known)
{
	struct vmsc_file_record record = {
		.id = known->file.id, .kind = known->file.kind, .mode = known->file.mode,
		.dev_major = known->file.dev_major, .dev_minor = known->file.dev_minor,
		.length = known->path_length, .inode = known->file.inode,
		.learned_flags = known->file.learned_flags, .huge_page_size = known->file.huge_page_size,
	};

	vmsc_writer_put(VMSC_RECORD_FILE, 0, &record, sizeof(record), known->path, known->path_length);
}

static void tell_gone(void)
{
	if (gone.nr)
		vmsc_writer_put(VMSC_RECORD_FORGET, 0, &gone, sizeof(gone), gone_files, gone.nr * sizeof(gone_files[0]));
	gone.nr = 0;
}

/* In a trace that never told of it. */
static void drop_untold(void *entry)
{
	struct known *known = entry;

	if (known->path)
		vmsc_arena_free(known->path, known->path_length);
}

static void drop_file(void *entry)
{
	const struct known *known = entry;

	gone_files[gone.nr++] = known->file.id;
	drop_untold(entry);
	if (gone.nr == NR_GONE)
		tell_gone();
}

static void drop_nothing(void *entry)
{
	(void)entry;
}

static void use_file(uint32_t id)
{
	vmsc_ids_use(&files, id);
}

/*
 * What no VMA of @mm has, and no descriptor, no call can name again: open or named anew it gets a new number. The cost is
 * shared by at least a quarter as many calls as there are VMAs.
 */
static void sweep(const struct vmsc_mm *mm, void (*drop)(void *entry))
{
	uint32_t others = vmsc_mm_map_count(mm) / 4;
	struct vmsc_vma vma = { .end = 0 };

	while (vmsc_mm_find(mm, vma.end, &vma)) {
		vmsc_ids_use(&files, vma.file);
		vmsc_ids_use(&names, vma.name);
		vmsc_ids_use(&policies, vma.policy);
	}
	vmsc_fd_each_file(use_file);
	vmsc_ids_sweep(&files, others, drop);
	vmsc_ids_sweep(&names, others, drop_nothing);
	vmsc_ids_sweep(&policies, others, drop_nothing);
}

/* Without a model nobody knows what is mapped. */
static void sweep_if_due(const struct vmsc_id_table *table)
{
	if (!vmsc_rec.replay || !vmsc_ids_is_due(table))
		return;
	sweep(vmsc_replay_mm(vmsc_rec.replay), drop_file);
	tell_gone();
}

/* @inode: 0 for a file that no descriptor will ever show. */
static struct known *new_file(uint64_t inode)
{
	struct known *known;

	sweep_if_due(&files);
	known = vmsc_ids_add(&files, inode);
	if (!known)
		return NULL;
	known->fd = -1;
	known->file.id = known->head.id;
	known->file.inode = inode;
	return known;
}

const struct vmsc_file *vmsc_facts_of(uint32_t id)
{
	const struct known *known = vmsc_ids_find(&files, id);

	return known ? &known->file : NULL;
}

static void find_kind(struct vmsc_file *file, const struct stat *stat, const struct statfs *fs)
{
	file->kind = VMSC_FILE_PLAIN;
	if (S_ISCHR(stat->st_mode)) {
		file->kind = stat->st_rdev == makedev(1, 5) ? VMSC_FILE_DEV_ZERO : VMSC_FILE_OTHER;
		return;
	}
	if (fs->f_type == MAGIC_ANON_INODE || !(stat->st_mode & S_IFMT)) {
		file->kind = VMSC_FILE_OTHER;
		return;
	}
	if (!S_ISREG(stat->st_mode)) {
		file->mode |= VMSC_FILE_NO_MMAP;
		return;
	}
	if (fs->f_type == MAGIC_EXT4 || fs->f_type == MAGIC_XFS || (uint32_t)fs->f_type == MAGIC_BTRFS) {
		file->kind = VMSC_FILE_THP_ALIGNED;
	} else if (fs->f_type == MAGIC_TMPFS) {
		file->kind = VMSC_FILE_SHMEM;
	} else if (fs->f_type == MAGIC_SECRETMEM) { /* a mount of its own, noexec, which it does not show */
		file->kind = VMSC_FILE_OTHER;
		file->mode |= VMSC_FILE_SECRET | VMSC_FILE_NOEXEC;
	} else if ((uint32_t)fs->f_type == MAGIC_HUGETLBFS) {
		file->kind = VMSC_FILE_HUGETLB;
		file->mode |= VMSC_FILE_CLOSE_HOOK;
		file->huge_page_size = fs->f_bsize;
	}
}

/*
 * Files without a place of their own (io_uring's, perf's, bpf's) are noexec since Linux 6.17, which their mount does not show.
 * All are on one file system; one that can't be mapped tells.
 */
static bool is_anon_inode_noexec(void)
{
	long fd = sys3(SYS_eventfd2, 0, O_CLOEXEC, 0), ret;

	if (fd < 0)
		return false;
	ret = sys_mmap(0, VMSC_PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (!sys_failed(ret))
		sys_munmap(ret, VMSC_PAGE_SIZE);
	sys_close(fd);
	return ret == -EPERM;
}

static void find_mode(struct vmsc_file *file, int fd, const struct statfs *fs)
{
	long flags = sys_fcntl(fd, F_GETFL, 0);
	long seals = sys_fcntl(fd, GET_SEALS, 0);

	if (flags < 0) { /* nothing is known of it, then */
		file->kind = VMSC_FILE_OTHER;
		file->mode |= VMSC_FILE_READ | VMSC_FILE_WRITE;
	} else {
		unsigned int access = flags & O_ACCMODE;

		if (access == O_RDONLY || access == O_RDWR)
			file->mode |= VMSC_FILE_READ;
		if (access == O_WRONLY || access == O_RDWR)
			file->mode |= VMSC_FILE_WRITE;
	}
	if (fs->f_flags & STATFS_NOEXEC || (fs->f_type == MAGIC_ANON_INODE && is_anon_inode_noexec()))
		file->mode |= VMSC_FILE_NOEXEC;
	if (seals > 0 && seals & (SEAL_WRITE | SEAL_FUTURE_WRITE))
		file->mode |= VMSC_FILE_SEAL_WRITE;
}

static void find_path(struct known *known, int fd)
{
	char link[40];
	struct vmsc_text text = vmsc_text_in(link, sizeof(link));
	long length;

	vmsc_text_put(&text, "/proc/self/fd/");
	vmsc_text_number(&text, fd);
	length = sys6(SYS_readlinkat, AT_FDCWD, (uintptr_t)link, (uintptr_t)path, sizeof(path), 0, 0);
	if (length <= 0)
		return;
	known->path = vmsc_arena_alloc(length);
	if (!known->path)
		return;
	memcpy(known->path, path, length);
	known->path_length = length;
}

static bool is_same_inode(const struct vmsc_file *file, const struct stat *stat)
{
	return file->inode == stat->st_ino && file->dev_major == major(stat->st_dev) &&
	       file->dev_minor == minor(stat->st_dev);
}

/*
 * Is @fd a duplicate of a descriptor whose file is known? Returns: its id; 0 for no, with *unsure set where a file of the
 * same inode can't be compared any more because its descriptor is gone.
 */
static uint32_t find_duplicate(int fd, const struct stat *stat, bool *unsure)
{
	uint32_t pid = sys_getpid();
	long order;

	for (const struct known *known = vmsc_ids_youngest(&files, stat->st_ino); known;
	     known = vmsc_ids_older(&files, known)) {
		if (!is_same_inode(&known->file, stat))
			continue;
		if (known->fd < 0 || vmsc_fd_file(known->fd) != known->file.id) {
			*unsure = true;
			continue;
		}
		order = fd == known->fd ? -EBUSY : sys6(SYS_kcmp, pid, pid, KCMP_FILE, fd, known->fd, 0);
		if (!order)
			return known->file.id;
		*unsure |= order < 0;
	}
	return 0;
}

static uint32_t tell_new_file(int fd, const struct stat *stat, bool unsure)
{
	struct statfs fs = { 0 };
	struct known *known = new_file(stat->st_ino);
	long err;

	if (!known)
		return 0;
	err = sys3(SYS_fstatfs, fd, (uintptr_t)&fs, 0);
	known->fd = fd;
	known->file.dev_major = major(stat->st_dev);
	known->file.dev_minor = minor(stat->st_dev);
	known->file.mode = unsure ? VMSC_FILE_UNSURE : 0;
	find_kind(&known->file, stat, &fs);
	if (err)
		known->file.kind = VMSC_FILE_OTHER;
	find_mode(&known->file, fd, &fs);
	find_path(known, fd);
	vmsc_fd_set_file(fd, known->file.id);
	tell_file(known);
	return known->file.id;
}

/* Seals may come at any time; they never go. */
static void look_for_seal(struct known *known, int fd)
{
	const struct statfs fs = { 0 };

	if (known->file.kind != VMSC_FILE_SHMEM || known->file.mode & VMSC_FILE_SEAL_WRITE)
		return;
	find_mode(&known->file, fd, &fs);
	if (known->file.mode & VMSC_FILE_SEAL_WRITE)
		tell_file(known);
}

uint32_t vmsc_facts_file(int fd, bool sure)
{
	struct stat stat;
	struct known *known = vmsc_ids_find(&files, vmsc_fd_file(fd));
	bool unsure = false;
	uint32_t id;
	long err = sys_fstat(fd, &stat);

	if (err == -EBADF)
		return 0;
	if (err) /* a file system in trouble: it can be mapped all the same */
		return vmsc_facts_hidden_file(VMSC_FILE_OTHER, VMSC_FILE_READ | VMSC_FILE_WRITE | VMSC_FILE_UNSURE, 0);
	if (sure && known && is_same_inode(&known->file, &stat)) {
		look_for_seal(known, fd);
		return known->file.id;
	}
	id = find_duplicate(fd, &stat, &unsure);
	if (id) {
		vmsc_fd_set_file(fd, id);
		return id;
	}
	return tell_new_file(fd, &stat, unsure);
}

uint32_t vmsc_facts_hidden_file(enum vmsc_file_kind kind, uint32_t mode, uint64_t addr)
{
	struct known *known = new_file(0);
	struct vmsc_seen_record seen;

	if (!known)
		return 0;
	known->file.kind = kind;
	known->file.mode = mode;
	if (addr && !vmsc_look_vma(addr, &seen) && seen.start <= addr) {
		known->file.inode = seen.inode;
		known->file.dev_major = seen.dev_major;
		known->file.dev_minor = seen.dev_minor;
	}
	tell_file(known);
	return known->file.id;
}

void vmsc_facts_learn(uint32_t id, uint64_t addr, bool locked)
{
	const uint64_t by_driver = VMSC_VM_SPECIAL | VMSC_VM(DONTDUMP) | VMSC_VM(DONTCOPY) | VMSC_VM(SYNC) |
				   VMSC_VM(WIPEONFORK) | (locked ? 0 : VMSC_VM(LOCKED));
	struct known *known = vmsc_ids_find(&files, id);
	uint64_t learned;

	if (!known || known->file.kind != VMSC_FILE_OTHER)
		return;
	learned = vmsc_look_flags(addr) & by_driver;
	if (learned == known->file.learned_flags)
		return;
	known->file.learned_flags = learned;
	tell_file(known);
}

static void tell_name(const struct told_name *name)
{
	struct vmsc_name_record record = { .id = name->head.id, .length = strlen(name->text) };

	vmsc_writer_put(VMSC_RECORD_NAME, 0, &record, sizeof(record), name->text, record.length);
}

uint32_t vmsc_facts_name(uint64_t addr)
{
	char text[NAME_SIZE] = { 0 };
	struct told_name *name;
	uint64_t hash = 0;
	size_t got = 0;

	if (!addr)
		return 0;
	while (got < NAME_SIZE - 1 && vmsc_sys_peek(text + got, addr + got, 1) == 1 && text[got])
		got++;
	text[got] = '\0';
	for (size_t i = 0; i < got; i++)
		hash = hash * 31 + (unsigned char)text[i] + 1;
	for (name = vmsc_ids_youngest(&names, hash); name; name = vmsc_ids_older(&names, name)) {
		if (!strcmp(name->text, text))
			return name->head.id;
	}
	sweep_if_due(&names);
	name = vmsc_ids_add(&names, hash);
	if (!name)
		return 0;
	memcpy(name->text, text, sizeof(text));
	tell_name(name);
	return name->head.id;
}

uint32_t vmsc_facts_policy(uint64_t mode, uint64_t nodemask, uint64_t maxnode, uint64_t flags)
{
	uint64_t words[16] = { 0 };
	uint64_t hash = mode * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t bytes = maxnode / 8 < sizeof(words) ? (maxnode + 7) / 8 : sizeof(words);
	const struct policy *policy;

	(void)flags;
	if (!mode)
		return 0;
	if (nodemask && bytes)
		vmsc_sys_peek(words, nodemask, bytes);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = (hash ^ words[i]) * UINT64_C(0x100000001b3);
	policy = vmsc_ids_youngest(&policies, hash);
	if (!policy) {
		sweep_if_due(&policies);
		policy = vmsc_ids_add(&policies, hash);
	}
	return policy ? policy->head.id : 0;
}

void vmsc_facts_tell(const struct vmsc_mm *mm)
{
	if (mm)
		sweep(mm, drop_untold);
	for (uint32_t i = 0; i < files.nr; i++)
		tell_file(vmsc_ids_at(&files, i));
	for (uint32_t i = 0; i < names.nr; i++)
		tell_name(vmsc_ids_at(&names, i));
}

void vmsc_facts_forget(void)
{
	vmsc_ids_forget(&files);
	vmsc_ids_forget(&names);
	vmsc_ids_forget(&policies);
	gone.nr = 0;
}
