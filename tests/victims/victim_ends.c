/* SPDX-License-Identifier: MIT */
/* Maps a page at 0x200000000000, then ends as its argument says. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *end_in_thread(void *arg)
{
	(void)arg;
	exit(6);
}

static void *spin(void *arg)
{
	for (;;)
		free(malloc(300000));
	return arg;
}

static volatile uintptr_t nowhere = 16; /* so that no compiler knows */

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";
	pthread_t thread;

	if (mmap((void *)0x200000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return 1;
	if (!strcmp(how, "return"))
		return 3;
	if (!strcmp(how, "exit"))
		exit(4);
	if (!strcmp(how, "_exit"))
		_exit(5);
	if (!strcmp(how, "syscall"))
		syscall(SYS_exit_group, 7);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "raise"))
		raise(SIGTERM);
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "segv"))
		*(volatile int *)(uintptr_t)nowhere = 1;
	if (!strcmp(how, "thread")) {
		pthread_create(&thread, NULL, end_in_thread, NULL);
		pthread_exit(NULL);
	}
	if (!strcmp(how, "busy")) {
		for (int i = 0; i < 4; i++)
			pthread_create(&thread, NULL, spin, NULL);
		usleep(20000);
		_exit(8);
	}
	return 1;
}
