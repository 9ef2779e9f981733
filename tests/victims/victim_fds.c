/* SPDX-License-Identifier: MIT */
/* What a program sees of descriptors: the lowest free ones are its own, and closing all of them harms nobody. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int count(void)
{
	int nr = 0;

	while (open("/dev/null", O_RDONLY) >= 0)
		nr++;
	printf("%d\n", nr);
	return 0;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? -1 : open("/dev/null", O_RDONLY), pair[2];
	int highest = 0;

	if (argc > 1) /* how many can be had? */
		return argv[1][0] == 'c' ? count() : 7;
	if (fd != 3 || pipe(pair) || pair[0] != 4 || pair[1] != 5)
		return 1;
	for (int i = 3; i < 4096; i++) {
		if (!close(i))
			highest = i;
		else if (errno != EBADF)
			return 2;
	}
	if (highest != 5)
		return 3;
	if (close_range(3, ~0u, 0))
		return 4;
	if (dup2(1, 993) != 993 || dup2(1, 995) != 995)
		return 5;
	for (int i = 0; i < 100; i++) {
		void *page = mmap((void *)0x200000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED || munmap(page, 4096))
			return 6;
	}
	puts("mmap 100\nmunmap 100");
	return 0;
}
