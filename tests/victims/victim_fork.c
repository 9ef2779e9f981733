/* SPDX-License-Identifier: MIT */
/* Forks; both sides go on mapping, the child at 0x200000000000, the parent at 0x210000000000. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void map_at(unsigned long at, int nr)
{
	for (int i = 0; i < nr; i++) {
		char *page = mmap((void *)(at + i * 8192ul), 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (page == MAP_FAILED)
			abort();
		page[0] = 1;
	}
}

int main(void)
{
	int status;
	pid_t pid;

	map_at(0x220000000000, 10);
	pid = fork();
	if (!pid) {
		map_at(0x200000000000, 20);
		if (fork() == 0) {
			map_at(0x230000000000, 5);
			_exit(4);
		}
		wait(&status);
		_exit(WEXITSTATUS(status) - 1);
	}
	map_at(0x210000000000, 30);
	waitpid(pid, &status, 0);
	printf("%d\n", (int)pid);
	return WEXITSTATUS(status);
}
