/* SPDX-License-Identifier: MIT */
/*
 * sys.h - the injected code's only door to the kernel: raw system calls that pass by libc's patched sites and leave errno
 * alone. Every function returns the kernel's answer, -errno on failure.
 */
#ifndef VMSC_SYS_H
#define VMSC_SYS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* By a call: the instruction itself lies where vmsc_way says (door.h). */
long sys6(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

static inline long sys3(long nr, uint64_t a, uint64_t b, uint64_t c)
{
	return sys6(nr, a, b, c, 0, 0, 0);
}

static inline bool sys_failed(long ret)
{
	return (unsigned long)ret > -4096ul;
}

static inline long sys_open(const char *path, int flags, unsigned int mode)
{
	return sys6(SYS_openat, AT_FDCWD, (uintptr_t)path, flags, mode, 0, 0);
}

static inline long sys_close(int fd)
{
	return sys3(SYS_close, fd, 0, 0);
}

static inline long sys_read(int fd, void *data, size_t size)
{
	return sys3(SYS_read, fd, (uintptr_t)data, size);
}

static inline long sys_write(int fd, const void *data, size_t size)
{
	return sys3(SYS_write, fd, (uintptr_t)data, size);
}

static inline long sys_pread(int fd, void *data, size_t size, uint64_t offset)
{
	return sys6(SYS_pread64, fd, (uintptr_t)data, size, offset, 0, 0);
}

static inline long sys_pwrite(int fd, const void *data, size_t size, uint64_t offset)
{
	return sys6(SYS_pwrite64, fd, (uintptr_t)data, size, offset, 0, 0);
}

static inline long sys_seek_start(int fd)
{
	return sys3(SYS_lseek, fd, 0, 0);
}

static inline long sys_mmap(uint64_t addr, size_t size, int prot, int flags, int fd, uint64_t offset)
{
	return sys6(SYS_mmap, addr, size, prot, flags, fd, offset);
}

static inline long sys_munmap(uint64_t addr, size_t size)
{
	return sys3(SYS_munmap, addr, size, 0);
}

static inline long sys_madvise(uint64_t addr, size_t size, int advice)
{
	return sys3(SYS_madvise, addr, size, advice);
}

static inline long sys_ioctl(int fd, unsigned long request, void *arg)
{
	return sys3(SYS_ioctl, fd, request, (uintptr_t)arg);
}

static inline long sys_fstat(int fd, struct stat *stat)
{
	return sys3(SYS_fstat, fd, (uintptr_t)stat, 0);
}

static inline long sys_fcntl(int fd, int command, uint64_t arg)
{
	return sys3(SYS_fcntl, fd, command, arg);
}

static inline long sys_getrlimit(int resource, struct rlimit *limit)
{
	return sys6(SYS_prlimit64, 0, resource, 0, (uintptr_t)limit, 0, 0);
}

static inline long sys_setrlimit(int resource, const struct rlimit *limit)
{
	return sys6(SYS_prlimit64, 0, resource, (uintptr_t)limit, 0, 0, 0);
}

static inline uint32_t sys_gettid(void)
{
	return sys3(SYS_gettid, 0, 0, 0);
}

static inline uint32_t sys_getpid(void)
{
	return sys3(SYS_getpid, 0, 0, 0);
}

/* Copies from an address of the program's that may be bad: -EFAULT instead of a fault. Returns bytes copied. */
long vmsc_sys_peek(void *to, uint64_t from, size_t size);

/* Moves @fd out of the program's way: to a high number, close-on-exec. Returns the new number; @fd is closed. */
int vmsc_sys_hide(int fd);

/* May the process have so few descriptors that each of ours would be missing? */
bool vmsc_sys_has_few_fds(void);

/* Opens @path on a hidden descriptor. */
int vmsc_sys_open_hidden(const char *path, int flags, unsigned int mode);

/* Reads at most @size - 1 bytes of @path, ended by NUL. Returns how many, -errno. */
long vmsc_sys_slurp(const char *path, char *text, size_t size);

/* The first number in file @path, or @otherwise. */
uint64_t vmsc_sys_number(const char *path, uint64_t otherwise);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in ns, by the vdso where vmsc_sys_find_clock() found it. */
void vmsc_sys_find_clock(uint64_t vdso);
uint64_t vmsc_sys_clock(int which);

/* Where the vdso has to ask the kernel itself, its calls trap, which *@traps counts: then it is not used. */
void vmsc_sys_prove_clock(const uint32_t *traps);

/* The program may read the processor's counter no more. */
void vmsc_sys_forget_clock(void);

#endif
