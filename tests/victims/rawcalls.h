/* SPDX-License-Identifier: MIT */
/* rawcalls.h - system calls by the program's own instructions. */
#ifndef RAWCALLS_H
#define RAWCALLS_H

#include <sys/mman.h>
#include <sys/syscall.h>

typedef long (*raw_fn)(long nr, long a, long b, long c, long d, long e, long f);

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Eight calls on memory at @at, where nothing is: one that fails, and at the end nothing is there again but
 * two pages. */
static inline int change_memory(raw_fn call, long at)
{
	const long page = 4096, anon = MAP_PRIVATE | MAP_ANONYMOUS;
	int wrong = 0;

	wrong +=
		call(SYS_mmap, at, 8 * page, PROT_READ | PROT_WRITE, anon | MAP_FIXED_NOREPLACE, -1, 0) != at;
	*(volatile char *)(at + page) = 1;
	wrong += call(SYS_mprotect, at + 2 * page, page, PROT_READ, 0, 0, 0) != 0;
	wrong += call(SYS_madvise, at, page, MADV_DONTDUMP, 0, 0, 0) != 0;
	wrong += call(SYS_munmap, at + 4 * page, page, 0, 0, 0, 0) != 0;
	wrong += call(SYS_mremap, at + 5 * page, 3 * page, 2 * page, 0, 0, 0) != at + 5 * page;
	wrong += call(SYS_mremap, at, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, at + 0x80000, 0) !=
		 at + 0x80000;
	wrong += call(SYS_mprotect, at, page, PROT_READ, 0, 0, 0) != -12; /* no longer there */
	wrong += call(SYS_munmap, at, 6 * page, 0, 0, 0, 0) != 0;
	return wrong;
}

#endif
