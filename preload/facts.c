/* SPDX-License-Identifier: MIT */
/* facts.c - see facts.h. */
#include "facts.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "arena.h"
#include "fdtable.h"
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
#define NR_CHAINS 1024

/* A file that was mapped. */
struct known {
	struct vmsc_file file;
	int fd; /* it was last seen at */
	uint32_t older; /* id of the file before it in the same chain, 0: none */
	uint32_t path_length;
	char *path;
};

struct told_name {
	uint64_t hash;
	char text[NAME_SIZE];
};

static struct known *files = NULL;
static uint32_t nr_files = 0, room_files = 0;
static uint32_t chains[NR_CHAINS] = { 0 }; /* by inode: id of the youngest file */
static struct told_name *names = NULL;
static uint32_t nr_names = 0, room_names = 0;
static uint64_t policies[64] = { 0 };
static uint32_t nr_policies = 0;
static char path[PATH_MAX] = { 0 };

/* Room for one more of @nr elements. Returns: the array, moved if need be, or NULL. */
static void *grow(void *array, uint32_t nr, uint32_t *room, size_t size)
{
	uint32_t wanted = *room ? *room * 2 : 64;
	void *larger;

	if (nr < *room)
		return array;
	larger = vmsc_arena_alloc(wanted * size);
	if (!larger)
		return NULL;
	memset(larger, 0, wanted * size);
	if (array) {
		memcpy(larger, array, nr * size);
		vmsc_arena_free(array, *room * size);
	}
	*room = wanted;
	return larger;
}

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

static struct known *new_file(void)
{
	struct known *larger = grow(files, nr_files, &room_files, sizeof(*files));

	if (!larger)
		return NULL;
	files = larger;
	files[nr_files].fd = -1;
	files[nr_files].file.id = nr_files + 1;
	return &files[nr_files++];
}

const struct vmsc_file *vmsc_facts_of(uint32_t id)
{
	return id && id <= nr_files ? &files[id - 1].file : NULL;
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

static uint32_t *chain_of(uint64_t inode)
{
	return &chains[inode % NR_CHAINS];
}

/*
 * Is @fd a duplicate of a descriptor whose file is known? Returns: its id; 0 for no, with *unsure set where a file of the
 * same inode can't be compared any more because its descriptor is gone.
 */
static uint32_t find_duplicate(int fd, const struct stat *stat, bool *unsure)
{
	uint32_t pid = sys_getpid();
	long order;

	for (uint32_t id = *chain_of(stat->st_ino); id; id = files[id - 1].older) {
		const struct known *known = &files[id - 1];

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
	struct known *known = new_file();
	long err;

	if (!known)
		return 0;
	err = sys3(SYS_fstatfs, fd, (uintptr_t)&fs, 0);
	known->fd = fd;
	known->file.inode = stat->st_ino;
	known->file.dev_major = major(stat->st_dev);
	known->file.dev_minor = minor(stat->st_dev);
	known->file.mode = unsure ? VMSC_FILE_UNSURE : 0;
	find_kind(&known->file, stat, &fs);
	if (err)
		known->file.kind = VMSC_FILE_OTHER;
	find_mode(&known->file, fd, &fs);
	find_path(known, fd);
	known->older = *chain_of(known->file.inode);
	*chain_of(known->file.inode) = known->file.id;
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
	uint32_t id = vmsc_fd_file(fd);
	bool unsure = false;
	long err = sys_fstat(fd, &stat);

	if (err == -EBADF)
		return 0;
	if (err) /* a file system in trouble: it can be mapped all the same */
		return vmsc_facts_hidden_file(VMSC_FILE_OTHER, VMSC_FILE_READ | VMSC_FILE_WRITE | VMSC_FILE_UNSURE, 0);
	if (sure && id && is_same_inode(&files[id - 1].file, &stat)) {
		look_for_seal(&files[id - 1], fd);
		return id;
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
	struct vmsc_seen_record seen;
	struct known *known = new_file();

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
	struct vmsc_file *file = id ? &files[id - 1].file : NULL;
	uint64_t learned;

	if (!file || file->kind != VMSC_FILE_OTHER)
		return;
	learned = vmsc_look_flags(addr) & by_driver;
	if (learned == file->learned_flags)
		return;
	file->learned_flags = learned;
	tell_file(&files[id - 1]);
}

static void tell_name(uint32_t index)
{
	struct vmsc_name_record record = { .id = index + 1, .length = strlen(names[index].text) };

	vmsc_writer_put(VMSC_RECORD_NAME, 0, &record, sizeof(record), names[index].text, record.length);
}

uint32_t vmsc_facts_name(uint64_t addr)
{
	struct told_name name = { 0 };
	struct told_name *larger;
	size_t got = 0;

	if (!addr)
		return 0;
	while (got < NAME_SIZE - 1 && vmsc_sys_peek(name.text + got, addr + got, 1) == 1 && name.text[got])
		got++;
	name.text[got] = '\0';
	for (size_t i = 0; i < got; i++)
		name.hash = name.hash * 31 + (unsigned char)name.text[i] + 1;
	for (uint32_t i = 0; i < nr_names; i++) {
		if (names[i].hash == name.hash && !strcmp(names[i].text, name.text))
			return i + 1;
	}
	larger = grow(names, nr_names, &room_names, sizeof(*names));
	if (!larger)
		return 0;
	names = larger;
	names[nr_names] = name;
	tell_name(nr_names);
	return ++nr_names;
}

uint32_t vmsc_facts_policy(uint64_t mode, uint64_t nodemask, uint64_t maxnode, uint64_t flags)
{
	uint64_t words[16] = { 0 };
	uint64_t hash = mode * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t bytes = maxnode / 8 < sizeof(words) ? (maxnode + 7) / 8 : sizeof(words);

	(void)flags;
	if (!mode)
		return 0;
	if (nodemask && bytes)
		vmsc_sys_peek(words, nodemask, bytes);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = (hash ^ words[i]) * UINT64_C(0x100000001b3);
	for (uint32_t i = 0; i < nr_policies; i++) {
		if (policies[i] == hash)
			return i + 1;
	}
	if (nr_policies < sizeof(policies) / sizeof(policies[0]))
		policies[nr_policies++] = hash;
	return nr_policies;
}

void vmsc_facts_tell(void)
{
	for (uint32_t i = 0; i < nr_files; i++)
		tell_file(&files[i]);
	for (uint32_t i = 0; i < nr_names; i++)
		tell_name(i);
}

void vmsc_facts_forget(void)
{
	files = NULL;
	names = NULL;
	nr_files = room_files = nr_names = room_names = 0;
	memset(chains, 0, sizeof(chains));
}
