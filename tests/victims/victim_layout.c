/* SPDX-License-Identifier: MIT */
/*
 * Makes heap, arenas, thread stacks and mappings of all sizes, loads the libraries that are named and unloads
 * every other one of them, and prints /proc/self/maps.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *allocate(void *arg)
{
	free(malloc(100000));
	return arg;
}

static void load(char *const *names)
{
	void *library;

	for (int i = 0; names[i]; i++) {
		library = dlopen(names[i], RTLD_NOW);
		if (library && i % 2)
			dlclose(library);
		free(malloc(i * 50000));
	}
}

int main(int argc, char **argv)
{
	static char text[100000];
	pthread_t thread;
	long length = 0, got;
	int fd;

	for (int i = 0; i < 50; i++) {
		char *block = malloc(i * 5000 + 10);

		block[0] = 1;
		if (i % 3 == 0)
			free(block);
	}
	pthread_create(&thread, NULL, allocate, NULL);
	pthread_join(thread, NULL);
	for (int i = 0; i < 20; i++) {
		char *at = mmap(NULL, 4096 * (i % 5 + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);

		at[0] = 1;
		if (i % 4 == 1)
			mprotect(at, 4096, PROT_READ);
	}
	load(argv + (argc ? 1 : 0));
	fd = open("/proc/self/maps", O_RDONLY);
	while ((got = read(fd, text + length, sizeof(text) - length)) > 0)
		length += got;
	return write(1, text, length) != length;
}
