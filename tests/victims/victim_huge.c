/* SPDX-License-Identifier: MIT */
/* Random calls on huge pages (hugetlb), many of which the kernel refuses: victim_huge SEED. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE_SIZE (2ul << 20)
#define ARENA ((char *)0x3000000000)
#define PAGES 12 /* huge ones, of the arena */

static unsigned int seed;
static int pipes[2];

static unsigned int below(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static char *somewhere(void)
{
	char *at = ARENA + below(PAGES) * HUGE_SIZE;

	return below(8) ? at : at + 4096;
}

static size_t length(void)
{
	return (1 + below(4)) * (below(8) ? HUGE_SIZE : HUGE_SIZE / 2);
}

static void map(void)
{
	int flags = MAP_ANONYMOUS | (below(4) ? MAP_HUGETLB : 0) | (below(2) ? MAP_PRIVATE : MAP_SHARED);

	flags |= below(3) ? MAP_FIXED : 0;
	flags |= below(2) ? MAP_NORESERVE : 0;
	mmap(somewhere(), length(), below(3) ? PROT_READ | PROT_WRITE : PROT_READ, flags, -1, 0);
}

/* Where no page can be had the kernel's write ends with EFAULT; ours would with SIGBUS. */
static void touch(void)
{
	char byte = 1, *to = somewhere();

	if (write(pipes[1], &byte, 1) == 1 && read(pipes[0], to, 1) != 1)
		(void)!read(pipes[0], &byte, 1);
}

static void step(void)
{
	switch (below(10)) {
	case 0:
		munmap(somewhere(), length());
		break;
	case 1:
		mprotect(somewhere(), length(), below(2) ? PROT_READ : PROT_READ | PROT_WRITE);
		break;
	case 2:
		mremap(somewhere(), length(), length(), below(2) ? MREMAP_MAYMOVE : 0);
		break;
	case 3:
		mremap(somewhere(), length(), length(), MREMAP_MAYMOVE | MREMAP_FIXED, somewhere());
		break;
	case 4:
		madvise(somewhere(), length(), below(2) ? MADV_DONTNEED : below(2) ? MADV_DONTFORK : MADV_REMOVE);
		break;
	case 5:
		mlock(somewhere(), length());
		break;
	case 6:
	case 7:
		touch();
		break;
	default:
		map();
	}
}

int main(int argc, char **argv)
{
	pid_t child;

	seed = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	if (pipe(pipes))
		return 1;
	for (int i = 0; i < 300; i++)
		step();
	child = fork();
	for (int i = 0; i < 300; i++)
		step();
	if (!child)
		return 0;
	return waitpid(child, NULL, 0) != child;
}
