/* SPDX-License-Identifier: MIT */
/*
 * Advises itself and a child by process_madvise(), and has memory that is read executed. What has pages when they are
 * discarded must be known as such afterwards, or the later merges are taken for mistakes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define BASE ((char *)0x250000000000)

static long advise(int fd, const struct iovec *ranges, size_t nr, int advice)
{
	return syscall(SYS_process_madvise, fd, ranges, nr, advice, 0);
}

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static char *map(int page, int nr, int prot)
{
	return mmap(BASE + page * PAGE, (size_t)nr * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		    -1, 0);
}

/* Written, discarded by two ranges of one call, and made like their neighbours again. */
static void discard(int self)
{
	char *at = map(0, 40, PROT_READ | PROT_WRITE);
	struct iovec ranges[] = {{at + 2 * PAGE, 2 * PAGE}, {at + 8 * PAGE, 2 * PAGE}, {at, 0}};

	mprotect(at + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	mprotect(at + 8 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	at[2 * PAGE] = at[8 * PAGE] = 1;
	if (advise(self, ranges, 3, MADV_DONTNEED) < 0)
		return; /* an older kernel takes no such advice */
	at[0] = 1;
	mprotect(at + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
	mprotect(at + 8 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
}

/* What is advised is the child's memory, of which this process has the like. */
static void advise_child(void)
{
	struct iovec range = {map(60, 8, PROT_READ | PROT_WRITE), 2 * PAGE};
	int ends[2], fd;
	pid_t pid;

	if (pipe(ends))
		exit(1);
	pid = fork();
	if (!pid) {
		char c;

		close(ends[1]);
		_exit(read(ends[0], &c, 1) != 0);
	}
	fd = pidfd_of(pid);
	advise(fd, &range, 1, MADV_COLD);
	advise(fd, &range, 1, MADV_DONTFORK); /* refused */
	close(ends[1]);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	struct iovec range = {map(100, 8, PROT_READ | PROT_WRITE), 2 * PAGE};
	int self = pidfd_of(getpid());

	if (self < 0)
		return 77;
	discard(self);
	advise(self, &range, 1, MADV_DONTFORK);
	advise(self, &range, 1, MADV_COLD);
	advise(-1, &range, 1, MADV_COLD); /* refused */
	advise(-10000, &range, 1, MADV_DOFORK); /* PIDFD_SELF_THREAD, refused where it is not known */
	advise_child();
	personality(READ_IMPLIES_EXEC | personality(0xffffffff));
	map(120, 4, PROT_READ);
	mprotect(map(130, 4, PROT_NONE), PAGE, PROT_READ);
	sbrk(3 * PAGE);
	printf("process_madvise 6\npersonality 2\n");
	return 0;
}
