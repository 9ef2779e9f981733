/* SPDX-License-Identifier: MIT */
/* Secret memory, page beside page, unlocked in vain, in a child, and private, which is refused and leaves a hole. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define BASE ((char *)0x260000000000)

static char *map(long page, int type, int fd)
{
	return mmap(BASE + page * PAGE, PAGE, PROT_READ | PROT_WRITE, type | MAP_FIXED, fd, page * PAGE);
}

int main(void)
{
	int fd = (int)syscall(447 /* memfd_secret */, 0);

	if (fd < 0 || ftruncate(fd, 64 * PAGE))
		return 77;
	map(0, MAP_SHARED, fd);
	map(1, MAP_SHARED, fd);
	map(9, MAP_SHARED, fd);
	map(8, MAP_SHARED, fd);
	BASE[0] = BASE[8 * PAGE] = 1;
	munlock(BASE, 2 * PAGE);
	mprotect(BASE + PAGE, PAGE, PROT_READ);
	map(9, MAP_PRIVATE, fd);
	if (!fork()) {
		map(2, MAP_SHARED, fd);
		_exit(0);
	}
	wait(NULL);
	printf("mmap 5\nmunlock 1\n");
	return 0;
}
