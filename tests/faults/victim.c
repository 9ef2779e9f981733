/* SPDX-License-Identifier: MIT */
/* A bit of everything that the recorder follows; says what it came to. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, THREADS = 3 };

static int failures = 0;

static void expect(int is_so, const char *what)
{
	if (is_so)
		return;
	failures++;
	printf("wrong: %s\n", what);
}

static void *work(void *arg)
{
	char *page = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *block = malloc(300000);

	expect(page != MAP_FAILED && block, "memory in a thread");
	memset(page, 1, 4 * PAGE);
	memset(block, 1, 300000);
	expect(!mprotect(page + PAGE, PAGE, PROT_READ), "mprotect");
	free(block);
	errno = 77;
	expect(!munmap(page, 4 * PAGE) && errno == 77, "munmap, errno kept");
	return arg;
}

static void map_files(void)
{
	char name[] = "/tmp/vmascope-faults-XXXXXX";
	int fd = mkstemp(name), copy;
	char *map, *larger;

	expect(fd >= 0 && !ftruncate(fd, 8 * PAGE), "a file");
	unlink(name);
	copy = dup(fd);
	map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0);
	expect(map != MAP_FAILED, "a mapped file");
	close(fd);
	close(copy);
	larger = mremap(map, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	expect(larger != MAP_FAILED, "mremap");
	larger[7 * PAGE] = 1;
	expect(!madvise(larger, PAGE, MADV_DONTNEED), "madvise");
	expect(!munmap(larger, 8 * PAGE), "munmap of a file");
	expect(munmap((void *)1, PAGE) && errno == EINVAL, "munmap of nonsense");
}

static void fork_one(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		free(malloc(500000));
		_exit(3);
	}
	expect(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3, "a child");
}

int main(void)
{
	pthread_t threads[THREADS];
	void *library;

	for (int i = 0; i < THREADS; i++)
		expect(!pthread_create(&threads[i], NULL, work, NULL), "pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	map_files();
	library = dlopen("libm.so.6", RTLD_NOW);
	expect(library && !dlclose(library), "dlopen");
	fork_one();
	printf("%s\n", failures ? "failed" : "all is well");
	return failures ? 1 : 4;
}
