/* SPDX-License-Identifier: MIT */
/*
 * plt.c - libc's functions, interposed by symbol. Where libc is patched the calls would be seen anyway; they are the same
 * to the program and recorded once. Where it can't be patched, they are all that is seen.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/types.h>

#include "gate.h"
#include "sys.h"

#include "inject.h"

VMSC_EXPORT void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
VMSC_EXPORT void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
VMSC_EXPORT int munmap(void *addr, size_t length);
VMSC_EXPORT int mprotect(void *addr, size_t length, int prot);
VMSC_EXPORT int pkey_mprotect(void *addr, size_t length, int prot, int pkey);
VMSC_EXPORT void *mremap(void *addr, size_t old_length, size_t length, int flags, ...);
VMSC_EXPORT int madvise(void *addr, size_t length, int advice);
VMSC_EXPORT int mlock(const void *addr, size_t length);
VMSC_EXPORT int mlock2(const void *addr, size_t length, unsigned int flags);
VMSC_EXPORT int munlock(const void *addr, size_t length);
VMSC_EXPORT int mlockall(int flags);
VMSC_EXPORT int munlockall(void);
VMSC_EXPORT void *shmat(int id, const void *addr, int flags);
VMSC_EXPORT int shmdt(const void *addr);
VMSC_EXPORT void _exit(int status) __attribute__((noreturn));
VMSC_EXPORT void _Exit(int status) __attribute__((noreturn));

static long answer(long ret)
{
	if (!sys_failed(ret))
		return ret;
	errno = -ret;
	return -1;
}

#define CALL(nr, ...)                                                                                                  \
	answer(vmsc_gate_plt(nr, (const uint64_t[6]){ __VA_ARGS__ }, (uintptr_t)__builtin_return_address(0),           \
			     (uintptr_t)__builtin_frame_address(0)))

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	return (void *)CALL(SYS_mmap, (uintptr_t)addr, length, prot, flags, fd, offset);
}

void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	return (void *)CALL(SYS_mmap, (uintptr_t)addr, length, prot, flags, fd, offset);
}

int munmap(void *addr, size_t length)
{
	return CALL(SYS_munmap, (uintptr_t)addr, length);
}

int mprotect(void *addr, size_t length, int prot)
{
	return CALL(SYS_mprotect, (uintptr_t)addr, length, prot);
}

int pkey_mprotect(void *addr, size_t length, int prot, int pkey)
{
	if (pkey == -1)
		return CALL(SYS_mprotect, (uintptr_t)addr, length, prot);
	return CALL(SYS_pkey_mprotect, (uintptr_t)addr, length, prot, pkey);
}

void *mremap(void *addr, size_t old_length, size_t length, int flags, ...)
{
	uint64_t to = 0;
	va_list list;

	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		va_start(list, flags);
		to = (uintptr_t)va_arg(list, void *); /* NOLINT(clang-analyzer-valist.Uninitialized): the line above */
		va_end(list);
	}
	return (void *)CALL(SYS_mremap, (uintptr_t)addr, old_length, length, flags, to);
}

int madvise(void *addr, size_t length, int advice)
{
	return CALL(SYS_madvise, (uintptr_t)addr, length, advice);
}

int mlock(const void *addr, size_t length)
{
	return CALL(SYS_mlock, (uintptr_t)addr, length);
}

int mlock2(const void *addr, size_t length, unsigned int flags)
{
	if (!flags)
		return CALL(SYS_mlock, (uintptr_t)addr, length);
	return CALL(SYS_mlock2, (uintptr_t)addr, length, flags);
}

int munlock(const void *addr, size_t length)
{
	return CALL(SYS_munlock, (uintptr_t)addr, length);
}

int mlockall(int flags)
{
	return CALL(SYS_mlockall, flags);
}

int munlockall(void)
{
	return CALL(SYS_munlockall, 0);
}

void *shmat(int id, const void *addr, int flags)
{
	return (void *)CALL(SYS_shmat, id, (uintptr_t)addr, flags);
}

int shmdt(const void *addr)
{
	return CALL(SYS_shmdt, (uintptr_t)addr);
}

void _exit(int status)
{
	for (;;)
		CALL(SYS_exit_group, status);
}

void _Exit(int status)
{
	for (;;)
		CALL(SYS_exit_group, status);
}
