/* SPDX-License-Identifier: MIT */
/*
 * victim_cross.c - the same calls at the same addresses everywhere, with results that are the same on every
 * kernel and VMAs that are not. Prints its VMAs there, as `vmascope replay --maps` does.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define BASE  0x300000000000ul
#define PAGES 256
#define PAGE  4096ul
#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

static char *at(unsigned long page)
{
	return (char *)(BASE + page * PAGE);
}

static void map(unsigned long page, unsigned long nr, int prot, int flags)
{
	if (mmap(at(page), nr * PAGE, prot, flags, -1, 0) != at(page))
		_exit(1);
}

static void protect(unsigned long page, unsigned long nr, int prot)
{
	if (mprotect(at(page), nr * PAGE, prot))
		_exit(1);
}

static void move(unsigned long page, unsigned long nr, unsigned long to)
{
	if (mremap(at(page), nr * PAGE, nr * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(to)) != at(to))
		_exit(1);
}

/* Two written mappings and what fills the hole between them: 6.1 joins the upper, 6.12 the lower. */
static void fill_hole(unsigned long page)
{
	map(page, 2, 3, FLAGS);
	map(page + 4, 2, 3, FLAGS);
	*at(page) = *at(page + 4) = 1;
	map(page + 2, 2, 3, FLAGS);
}

/* Memory that was writable for a while: 6.1 keeps it accounted, and apart. */
static void unaccount(unsigned long page)
{
	map(page, 3, 1, FLAGS);
	protect(page + 1, 1, 3);
	protect(page + 1, 1, 1);
}

/* A written page between untouched ones: before 6.16 it stays a VMA of its own. */
static void written_between(unsigned long page)
{
	map(page, 3, 1, FLAGS | MAP_NORESERVE);
	protect(page + 1, 1, 3);
	*at(page + 1) = 1;
	protect(page + 1, 1, 1);
}

/* Parts of an attached segment: 6.1 never joins them again. */
static void segment(unsigned long page)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);

	if (id < 0 || shmat(id, at(page), 0) != at(page))
		_exit(1);
	shmctl(id, IPC_RMID, NULL);
	protect(page, 2, 1);
	protect(page + 1, 1, 3);
}

/* A written page that goes away and comes back beside an untouched one. */
static void come_back(unsigned long page)
{
	map(page, 1, 3, FLAGS);
	*at(page) = 1;
	move(page, 1, page + 8);
	map(page + 1, 1, 3, FLAGS);
	move(page + 8, 1, page);
}

static void stack_beside(unsigned long page)
{
	map(page, 1, 3, FLAGS);
	map(page + 1, 1, 3, FLAGS | MAP_STACK);
}

/* "start-end perms offset codes" from smaps, without VM_SOFTDIRTY, which the kernel sets by itself. */
static void show(void)
{
	static char text[1 << 20];
	unsigned long start = 0, end = 0, offset = 0;
	char perms[8] = "", *line, *found;
	size_t have = 0;
	ssize_t n;
	int fd = open("/proc/self/smaps", O_RDONLY);

	while ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strchr(line, '-') && strchr("0123456789abcdef", *line) &&
		    sscanf(line, "%lx-%lx %7s %lx", &start, &end, perms, &offset) == 4)
			continue;
		if (strncmp(line, "VmFlags: ", 9) || start < BASE || start >= BASE + PAGES * PAGE)
			continue;
		if ((found = strstr(line, " sd ")))
			memmove(found, found + 3, strlen(found + 3) + 1);
		for (n = (ssize_t)strlen(line); line[n - 1] == ' ';)
			line[--n] = 0;
		printf("%lx-%lx %s %08lx %s\n", start, end, perms, offset, line + 9);
	}
}

int main(void)
{
	fill_hole(0);
	unaccount(16);
	written_between(32);
	segment(48);
	come_back(64);
	stack_beside(96);
	show();
	return 0;
}
