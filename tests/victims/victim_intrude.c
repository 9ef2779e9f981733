/* SPDX-License-Identifier: MIT */
/* Takes memory that is the recorder's, by one call, and goes on: victim_intrude HOW [raw]. */
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

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		const uint64_t *args = calls[i].args;

		if (strcmp(argv[1], calls[i].how))
			continue;
		if (argc > 2)
			raw6(calls[i].nr, (long)args[0], (long)args[1], (long)args[2], (long)args[3], -1, 0);
		else
			syscall(calls[i].nr, args[0], args[1], args[2], args[3], -1, 0);
		return go_on();
	}
	return 2;
}
