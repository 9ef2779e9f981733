/* SPDX-License-Identifier: MIT */
/* sys.c - the longer ways through sys.h's door. */
#include "sys.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "slots.h"

#include "inject.h"

#define HIDDEN_FDS 32 /* descriptors kept free below the limit */
#define HIDDEN_BELOW 4096 /* high, but not so high that the kernel's table of descriptors grows much */

static int (*vdso_clock)(int, struct timespec *) = NULL;

long vmsc_sys_peek(void *to, uint64_t from, size_t size)
{
	struct iovec local = { to, size };
	struct iovec remote = { (void *)(uintptr_t)from, size };

	long got = sys6(SYS_process_vm_readv, sys_getpid(), (uintptr_t)&local, 1, (uintptr_t)&remote, 1, 0);
	int fd;

	if (got != -EPERM && got != -ENOSYS)
		return got;
	fd = sys_open("/proc/self/mem", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	got = sys_pread(fd, to, size, from);
	sys_close(fd);
	return got;
}

/* A number for @fd of at least @base. Returns: the number, @fd itself where there is none. */
static int move_up(int fd, uint64_t base)
{
	long high = sys_fcntl(fd, F_DUPFD_CLOEXEC, base);

	if (high < 0)
		return fd;
	sys_close(fd);
	return high;
}

/* Above a small soft limit, where the program's own descriptors never come: it keeps all of them. */
static int move_over(int fd, const struct rlimit *limit)
{
	struct rlimit raised = *limit;

	raised.rlim_cur = limit->rlim_max < HIDDEN_BELOW ? limit->rlim_max : HIDDEN_BELOW;
	if (raised.rlim_cur <= 2 * HIDDEN_FDS || sys_setrlimit(RLIMIT_NOFILE, &raised))
		return fd;
	fd = move_up(fd, raised.rlim_cur - HIDDEN_FDS);
	sys_setrlimit(RLIMIT_NOFILE, limit);
	return fd;
}

int vmsc_sys_hide(int fd)
{
	struct rlimit limit = { 1024, 1024 };

	if (fd < 0)
		return fd;
	sys_getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <= 2 * HIDDEN_FDS)
		return move_over(fd, &limit);
	return move_up(fd, (limit.rlim_cur < HIDDEN_BELOW ? limit.rlim_cur : HIDDEN_BELOW) - HIDDEN_FDS);
}

bool vmsc_sys_has_few_fds(void)
{
	struct rlimit limit;

	return !sys_getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_max < HIDDEN_FDS;
}

int vmsc_sys_open_hidden(const char *path, int flags, unsigned int mode)
{
	return vmsc_sys_hide(sys_open(path, flags | O_CLOEXEC | O_NOCTTY, mode));
}

long vmsc_sys_slurp(const char *path, char *text, size_t size)
{
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	size_t length = 0;
	long got;

	text[0] = '\0';
	if (fd < 0)
		return fd;
	while (length < size - 1) {
		got = sys_read(fd, text + length, size - 1 - length);
		if (got <= 0)
			break;
		length += got;
	}
	sys_close(fd);
	text[length] = '\0';
	return length;
}

uint64_t vmsc_sys_number(const char *path, uint64_t otherwise)
{
	char text[32];
	uint64_t value = 0;

	if (vmsc_sys_slurp(path, text, sizeof(text)) <= 0 || text[0] < '0' || text[0] > '9')
		return otherwise;
	for (const char *at = text; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (*at - '0');
	return value;
}

/* The vdso's tables, by its dynamic section. */
struct vdso_image {
	const Elf64_Sym *symbols;
	const char *strings;
	const uint32_t *hash;
};

static bool read_vdso(uint64_t base, struct vdso_image *image)
{
	const Elf64_Ehdr *elf = (const void *)(uintptr_t)base;
	const Elf64_Phdr *phdr = (const void *)(uintptr_t)(base + elf->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	uint64_t bias = base;

	for (unsigned int i = 0; i < elf->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD)
			bias = base + phdr[i].p_offset - phdr[i].p_vaddr;
		if (phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(uintptr_t)(base + phdr[i].p_offset);
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *at = (const void *)(uintptr_t)(bias + dyn->d_un.d_ptr);

		if (dyn->d_tag == DT_SYMTAB)
			image->symbols = at;
		else if (dyn->d_tag == DT_STRTAB)
			image->strings = at;
		else if (dyn->d_tag == DT_HASH)
			image->hash = at;
	}
	return image->symbols && image->strings && image->hash;
}

void vmsc_sys_find_clock(uint64_t vdso)
{
	struct vdso_image image = { NULL, NULL, NULL };

	if (!vdso || !read_vdso(vdso, &image))
		return;
	for (uint32_t i = 0; i < image.hash[1]; i++) {
		if (!strcmp(image.strings + image.symbols[i].st_name, "__vdso_clock_gettime"))
			vdso_clock = (int (*)(int, struct timespec *))(uintptr_t)(vdso + image.symbols[i].st_value);
	}
}

/*
 * The vdso makes a system call where the processor's counter is no good, which may be so from one moment to the next. That
 * call traps.
 */
uint64_t vmsc_sys_clock(int which)
{
	int (*quick)(int, struct timespec *) = __atomic_load_n(&vdso_clock, __ATOMIC_RELAXED);
	struct timespec now = { 0, 0 };

	if (vmsc_self.careful || !quick || quick(which, &now))
		sys3(SYS_clock_gettime, which, (uintptr_t)&now, 0);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void vmsc_sys_forget_clock(void)
{
	__atomic_store_n(&vdso_clock, NULL, __ATOMIC_RELAXED);
}

void vmsc_sys_prove_clock(const uint32_t *traps)
{
	uint32_t before = *traps;

	vmsc_sys_clock(CLOCK_MONOTONIC);
	if (*traps != before)
		vmsc_sys_forget_clock();
}
