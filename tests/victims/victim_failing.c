/* SPDX-License-Identifier: MIT */
/* Calls that fail. Prints each with its errno, as the trace must have it. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	errno = 0;
	mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("mmap %d\n", -errno);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 77, 0);
	printf("mmap %d\n", -errno);
	munmap((void *)1, 4096);
	printf("munmap %d\n", -errno);
	mprotect((void *)0x4000, 4096, PROT_READ);
	printf("mprotect %d\n", -errno);
	mremap((void *)0x4000, 4096, 8192, 0);
	printf("mremap %d\n", -errno);
	syscall(SYS_madvise, 0x4000, 4096, 12345);
	printf("madvise %d\n", -errno);
	return 0;
}
