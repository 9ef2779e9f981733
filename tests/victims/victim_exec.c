/* SPDX-License-Identifier: MIT */
/*
 * Execs itself as often as its argument says; a failing exec before each. Each image maps one page. There is
 * no child, so no SIGCHLD may come, neither here nor pending in the next image.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void on_child(int signal)
{
	(void)signal;
	_exit(3);
}

static int had_child(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGCHLD);
}

static void block_child(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(how, &set, NULL);
}

int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 0;
	char next[16];

	if (had_child())
		return 4;
	signal(SIGCHLD, on_child);
	if (mmap((void *)0x200000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return 1;
	if (!left) {
		puts("mmap 1");
		return 0;
	}
	execl("/nonexistent", "nonexistent", (char *)NULL);
	execl("/etc/passwd", "passwd", (char *)NULL);
	block_child(left % 2 ? SIG_BLOCK : SIG_UNBLOCK);
	snprintf(next, sizeof(next), "%d", left - 1);
	execl("/proc/self/exe", argv[0], next, (char *)NULL);
	return 2;
}
