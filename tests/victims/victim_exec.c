/* SPDX-License-Identifier: MIT */
/* Execs itself as often as its argument says; a failing exec before each. Each image maps one page. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 0;
	char next[16];

	if (mmap((void *)0x200000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return 1;
	if (!left) {
		puts("mmap 1");
		return 0;
	}
	execl("/nonexistent", "nonexistent", (char *)NULL);
	execl("/etc/passwd", "passwd", (char *)NULL);
	snprintf(next, sizeof(next), "%d", left - 1);
	execl("/proc/self/exe", argv[0], next, (char *)NULL);
	return 2;
}
