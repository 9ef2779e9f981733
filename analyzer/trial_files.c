/* SPDX-License-Identifier: MIT */
#include "trial_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "puppet.h"

#define MAGIC_EXT4	0xef53
#define MAGIC_XFS	0x58465342
#define MAGIC_BTRFS	0x9123683e
#define MAGIC_TMPFS	0x01021994
#define NR_MEMFD_SECRET 447
#define FLAG_NOEXEC	8		   /* ST_NOEXEC of statfs.f_flags */
#define FILE_BYTES	(INT64_C(1) << 30) /* sparse */

enum { RD = VMSC_FILE_READ, RDWR = VMSC_FILE_READ | VMSC_FILE_WRITE };

/* memfd_secret() is off until Linux 6.5 where nobody turned it on by secretmem.enable=1. */
bool vmsc_files_have_secret(void)
{
	int fd = (int)syscall(NR_MEMFD_SECRET, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void vmsc_files_standard(struct vmsc_files *files)
{
	/* Equal inodes: one file, opened several times. */
	static const struct vmsc_file standard[] = {
		{.id = 1, .kind = VMSC_FILE_SHMEM, .mode = RDWR, .inode = 1},
		{.id = 2, .kind = VMSC_FILE_SHMEM, .mode = RDWR, .inode = 2},
		{.id = 3, .kind = VMSC_FILE_SHMEM, .mode = RDWR, .inode = 1},
		{.id = 4, .kind = VMSC_FILE_SHMEM, .mode = RD, .inode = 1},
		{.id = 5, .kind = VMSC_FILE_SHMEM, .mode = VMSC_FILE_WRITE, .inode = 1},
		{.id = 6, .kind = VMSC_FILE_SHMEM, .mode = RDWR | VMSC_FILE_SEAL_WRITE, .inode = 6},
		{.id = 7, .kind = VMSC_FILE_DEV_ZERO, .mode = RDWR},
		{.id = 8, .kind = VMSC_FILE_PLAIN, .mode = RD | VMSC_FILE_NO_MMAP},
		{.id = 9, .kind = VMSC_FILE_PLAIN, .mode = RDWR, .inode = 9},
		{.id = 10, .kind = VMSC_FILE_PLAIN, .mode = RDWR, .inode = 9},
		{.id = 11, .kind = VMSC_FILE_PLAIN, .mode = RD, .inode = 9},
		{.id = 12, .kind = VMSC_FILE_OTHER, .mode = RDWR | VMSC_FILE_SECRET},
		{.id = 13, .kind = VMSC_FILE_OTHER, .mode = RDWR | VMSC_FILE_SECRET},
	};
	const size_t secret = 2;

	memset(files, 0, sizeof(*files));
	files->nr = sizeof(standard) / sizeof(standard[0]) - (vmsc_files_have_secret() ? 0 : secret);
	memcpy(files->file, standard, sizeof(standard));
}

static int access_of(const struct vmsc_file *file)
{
	if (!(file->mode & VMSC_FILE_WRITE))
		return O_RDONLY;
	return file->mode & VMSC_FILE_READ ? O_RDWR : O_WRONLY;
}

static int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static int open_memory(const struct vmsc_file *file)
{
	unsigned int flags = file->kind == VMSC_FILE_HUGETLB ? MFD_HUGETLB : MFD_ALLOW_SEALING;
	int fd = file->mode & VMSC_FILE_SECRET ? (int)syscall(NR_MEMFD_SECRET, 0)
					       : memfd_create("vmascope-trial", flags);

	if (fd < 0 || ftruncate(fd, FILE_BYTES))
		return -1;
	if ((file->mode & VMSC_FILE_SEAL_WRITE) && fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))
		return -1;
	return (file->mode & RDWR) == RDWR ? fd : reopen(fd, access_of(file));
}

static int open_on_disk(const struct vmsc_file *file)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/vmascope-trial-XXXXXX", folder && *folder ? folder : "/tmp");
	fd = mkostemp(path, 0);
	if (fd < 0)
		return -1;
	if (!ftruncate(fd, FILE_BYTES) && (file->mode & RDWR) != RDWR)
		fd = reopen(fd, access_of(file));
	unlink(path);
	return fd;
}

static int open_like(const struct vmsc_files *files, size_t index)
{
	const struct vmsc_file *file = &files->file[index];

	if (file->mode & VMSC_FILE_NO_MMAP)
		return open("/", O_RDONLY | O_DIRECTORY);
	if (file->kind == VMSC_FILE_DEV_ZERO)
		return open("/dev/zero", access_of(file));
	for (size_t i = 0; i < index && file->inode; i++)
		if (files->file[i].inode == file->inode && files->file[i].dev_major == file->dev_major &&
		    files->file[i].dev_minor == file->dev_minor)
			return reopen(VMSC_FILES_FD + (int)files->file[i].id, access_of(file));
	if (file->kind == VMSC_FILE_PLAIN || file->kind == VMSC_FILE_THP_ALIGNED)
		return open_on_disk(file);
	return open_memory(file);
}

/* What it is, not what was wished for. */
static bool find_facts(struct vmsc_file *file, int fd)
{
	struct statfs fs;
	struct stat about;

	if (fstat(fd, &about) || fstatfs(fd, &fs))
		return false;
	file->inode = about.st_ino;
	file->dev_major = major(about.st_dev);
	file->dev_minor = minor(about.st_dev);
	if (fs.f_flags & FLAG_NOEXEC && file->kind != VMSC_FILE_DEV_ZERO)
		file->mode |= VMSC_FILE_NOEXEC;
	if (file->mode & VMSC_FILE_SECRET)
		file->mode |= VMSC_FILE_NOEXEC; /* which its mount does not show */
	else if (file->kind == VMSC_FILE_OTHER)
		file->kind = VMSC_FILE_SHMEM;
	if (file->kind == VMSC_FILE_PLAIN || file->kind == VMSC_FILE_THP_ALIGNED) {
		uint32_t magic = (uint32_t)fs.f_type;

		file->kind = magic == MAGIC_EXT4 || magic == MAGIC_XFS || magic == MAGIC_BTRFS
				     ? VMSC_FILE_THP_ALIGNED
				     : VMSC_FILE_PLAIN;
		if (magic == MAGIC_TMPFS)
			file->kind = VMSC_FILE_SHMEM;
	}
	return true;
}

static bool open_one(struct vmsc_files *files, size_t index, struct vmsc_file *real)
{
	int id = (int)files->file[index].id, fd = open_like(files, index), at = VMSC_FILES_FD + id;

	if (fd < 0)
		return false;
	if (dup2(fd, at) != at || dup2(fd, VMSC_FILES_DUP_FD + id) < 0)
		return false;
	close(fd);
	*real = files->file[index];
	return find_facts(real, at);
}

bool vmsc_files_open(struct vmsc_files *files, const char **why)
{
	struct vmsc_file real[VMSC_FILES_MAX];

	for (size_t i = 0; i < files->nr; i++) {
		if (files->file[i].id >= VMSC_FILES_MAX) {
			*why = "has files with a greater id than 255";
			return false;
		}
		if (!open_one(files, i, &real[i])) {
			*why = "needs a file that can't be made here";
			return false;
		}
	}
	memcpy(files->file, real, files->nr * sizeof(real[0]));
	vmsc_puppet_begin();
	return true;
}

void vmsc_files_close(const struct vmsc_files *files)
{
	for (size_t i = 0; i < files->nr; i++) {
		close(VMSC_FILES_FD + (int)files->file[i].id);
		close(VMSC_FILES_DUP_FD + (int)files->file[i].id);
	}
}
