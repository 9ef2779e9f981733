/* SPDX-License-Identifier: MIT */
/* Takes memory that is the recorder's, by one call, and goes on: victim_intrude HOW [raw]. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>

#include "rawcalls.h"

#define SLOT UINT64_C(0x3e0000000000)
#define SIZE UINT64_C(0x1000000000)

static const struct {
	const char *how;
	long nr;
	uint64_t args[4];
} calls[] = {
	{"unmap", SYS_munmap, {SLOT, SIZE}},
	{"unmap_trace", SYS_munmap, {SLOT + 0x2000000, 0x100000}},
	{"map_state", SYS_mmap, {SLOT, 0x100000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}},
	{"protect", SYS_mprotect, {SLOT, 0x2000, PROT_NONE}},
	{"empty", SYS_madvise, {SLOT + 0x10000000, 0x100000, MADV_DONTNEED}},
};

static void *work(void *arg)
{
	for (int i = 0; i < 100; i++)
		munmap(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 8192);
	return arg;
}

static int go_on(void)
{
	pthread_t thread;
	pid_t child;

	if (pthread_create(&thread, NULL, work, NULL) || pthread_join(thread, NULL))
		return 2;
	work(NULL);
	(void)raw6(SYS_getppid, 0, 0, 0, 0, 0, 0);
	child = fork();
	if (!child)
		_exit(work(NULL) != NULL);
	return waitpid(child, NULL, 0) != child;
}

/* From the begin of the recorder's library, or of what was loaded for it, to its end. */
static int find_library(const char *name, uint64_t span[2])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[4096];

	span[0] = span[1] = 0;
	while (maps && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, name) || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		span[0] = span[0] ? span[0] : start;
		span[1] = end;
	}
	return maps && !fclose(maps) && span[0] ? 0 : 77;
}

/* The library's pages. What would take their place finds none; all else is done. */
static int take_library(const char *name, const char *how, int raw)
{
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	uint64_t span[2], size;
	long nr = SYS_munmap, prot = 0, flags = 0, ret;
	int wanted = 0;

	if (find_library(name, span))
		return 77;
	size = span[1] - span[0];
	if (!strcmp(how, "map"))
		nr = SYS_mmap, prot = PROT_READ, flags = anon | MAP_FIXED, wanted = ENOMEM;
	else if (!strcmp(how, "protect"))
		nr = SYS_mprotect;
	else if (!strcmp(how, "empty"))
		nr = SYS_madvise, prot = MADV_DONTNEED;
	else if (!strcmp(how, "move"))
		nr = SYS_mremap, prot = (long)size, flags = MREMAP_MAYMOVE, wanted = EFAULT;
	ret = raw ? raw6(nr, (long)span[0], (long)size, prot, flags, -1, 0)
	      : syscall(nr, span[0], size, prot, flags, -1, 0) ? -errno
							       : 0;
	return ret != -wanted;
}

int main(int argc, char **argv)
{
	const char *library =
		argc > 2 && !strncmp(argv[1], "library_", 8) ? "/libvmascope.so" : "/libunwind.so";
	int ret;

	if (argc > 2 && (!strncmp(argv[1], "library_", 8) || !strncmp(argv[1], "unwinder_", 9))) {
		ret = take_library(library, strchr(argv[1], '_') + 1, !strcmp(argv[2], "raw"));
		return ret ? ret : go_on() || take_library(library, "unmap", 0) || go_on();
	}
	for (size_t i = 0; argc > 1 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		const uint64_t *args = calls[i].args;

		if (strcmp(argv[1], calls[i].how))
			continue;
		if (argc > 2 && !strcmp(argv[2], "raw"))
			raw6(calls[i].nr, (long)args[0], (long)args[1], (long)args[2], (long)args[3], -1, 0);
		else
			syscall(calls[i].nr, args[0], args[1], args[2], args[3], -1, 0);
		return go_on();
	}
	return 2;
}
