/* SPDX-License-Identifier: MIT */
/*
 * A thread maps and populates a file whose pages a server of the program's own gives, late: victim_fuse
 * thread|process|exit. The server maps memory itself for each request. With "exit" it is also who ends the
 * process, while the file is mapped and nobody will give its pages any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

enum { PAGES = 4, ROUNDS = 100, THREADS = 3, FILE_NODE = 2 };

struct state {
	atomic_int waits, asked, answer;
};

static struct state *state; /* shared with the server */
static int device;
static bool ends_process;
static char folder[] = "/tmp/vmascope-fuse.XXXXXX";
static char path[sizeof(folder) + 2];

static void reply(const struct fuse_in_header *in, int error, const void *data, size_t size)
{
	char out[sizeof(struct fuse_out_header) + PAGES * PAGE];
	const struct fuse_out_header head = {sizeof(head) + size, -error, in->unique};

	memcpy(out, &head, sizeof(head));
	if (size)
		memcpy(out + sizeof(head), data, size);
	if (write(device, out, head.len) != head.len && errno != ENOENT)
		_exit(9);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){.ino = node,
				  .size = node == FILE_NODE ? PAGES * PAGE : 0,
				  .mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755,
				  .nlink = 1,
				  .blksize = PAGE};
}

static void wait_until(atomic_int *what)
{
	const struct timespec nap = {0, 1000000};

	while (!*what)
		nanosleep(&nap, NULL);
}

static void read_file(const struct fuse_in_header *in, const struct fuse_read_in *wanted)
{
	static const char pages[PAGES * PAGE] = {1};
	size_t size = wanted->offset < sizeof(pages) ? sizeof(pages) - wanted->offset : 0;

	state->asked = 1;
	wait_until(&state->answer);
	reply(in, 0, pages, size < wanted->size ? size : wanted->size);
}

static void start(const struct fuse_in_header *in)
{
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = 31, .max_readahead = 65536, .max_write = 4096};

	reply(in, 0, &out, sizeof(out));
}

static void tell_attributes(const struct fuse_in_header *in)
{
	const struct fuse_attr_out out = {.attr = attributes(in->nodeid)};

	reply(in, 0, &out, sizeof(out));
}

static void look_up(const struct fuse_in_header *in)
{
	const struct fuse_entry_out out = {.nodeid = FILE_NODE, .attr = attributes(FILE_NODE)};

	reply(in, 0, &out, sizeof(out));
}

static void serve_one(const struct fuse_in_header *in)
{
	const struct fuse_open_out opened = {.fh = 1};

	switch (in->opcode) {
	case FUSE_INIT:
		start(in);
		break;
	case FUSE_LOOKUP:
		look_up(in);
		break;
	case FUSE_GETATTR:
		tell_attributes(in);
		break;
	case FUSE_OPEN:
		reply(in, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		read_file(in, (const void *)(in + 1));
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(in, ENOSYS, NULL, 0);
	}
}

static void *serve(void *arg)
{
	static char request[FUSE_MIN_READ_BUFFER + PAGES * PAGE] __attribute__((aligned(8)));
	char *memory;

	while (read(device, request, sizeof(request)) > 0 || errno == EINTR || errno == ENOENT) {
		memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED || munmap(memory, 2 * PAGE))
			_exit(8);
		serve_one((const void *)request);
		if (ends_process &&
		    ((const struct fuse_in_header *)(const void *)request)->opcode == FUSE_FLUSH) {
			wait_until(&state->waits);
			exit(0);
		}
	}
	return arg;
}

static void *map_file(void *arg)
{
	const size_t size = PAGES * PAGE;
	int fd = open(path, O_RDONLY);
	char *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);

	return at == MAP_FAILED || at[0] != 1 || munmap(at, size) || close(fd) ? path : arg;
}

static void *map(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED || mprotect(at, PAGE, PROT_READ) || munmap(at, 2 * PAGE))
			return path;
	}
	return arg;
}

static int mount_file(void)
{
	char options[100];

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device < 0 || unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 77;
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/f", folder);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	return mount("vmascope", folder, "fuse", MS_NOSUID | MS_NODEV, options) ? 77 : 0;
}

/* The threads that map memory must come to their end while the server still keeps the pages to itself. */
static int run_threads(void)
{
	pthread_t waiting, mapping[THREADS];
	void *failed = NULL;

	pthread_create(&waiting, NULL, map_file, NULL);
	wait_until(&state->asked);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&mapping[i], NULL, map, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(mapping[i], &failed);
		if (failed)
			return 1;
	}
	state->answer = 1;
	pthread_join(waiting, &failed);
	printf("mmap %d\nmunmap %d\nmprotect %d\n", THREADS * ROUNDS, THREADS * ROUNDS, THREADS * ROUNDS);
	return failed != NULL;
}

int main(int argc, char **argv)
{
	pthread_t server;
	pid_t child = -1;
	int ret = argc > 1 ? mount_file() : 2;

	if (ret)
		return ret;
	state = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ends_process = !strcmp(argv[1], "exit");
	if (!strcmp(argv[1], "process")) {
		child = fork();
		if (!child)
			return serve(NULL) != NULL;
		close(device);
	} else {
		pthread_create(&server, NULL, serve, NULL);
	}
	if (ends_process) {
		int fd = open(path, O_RDONLY);

		mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
		state->waits = 1;
		pause();
	}
	ret = run_threads();
	umount2(folder, MNT_DETACH);
	rmdir(folder);
	return child > 0 && waitpid(child, NULL, 0) != child ? 1 : ret;
}
