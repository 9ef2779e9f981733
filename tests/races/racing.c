/* SPDX-License-Identifier: MIT */
/*
 * Threads in all parts of the recorder at once: racing SECONDS ROLE…, two threads for each role. It exits
 * while they are at it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rawcalls.h"
#include "vmascope/vmascope.h"

#define PAGE		  4096ul
#define STACK		  (256 * 1024ul)
#define ANON		  (MAP_PRIVATE | MAP_ANONYMOUS)
#define HIDDEN_BELOW	  4096 /* the recorder's descriptors, or below RLIMIT_NOFILE */
#define HIDDEN_FDS	  32
#define SET_VMA		  0x53564d41
#define SET_VMA_ANON_NAME 0
#define URING_SETUP	  425
#define POPULATE_WRITE	  23

enum { THREADS_EACH = 2, AREA = 4 };

static int pages_of = -1; /* a userfaultfd */

/* By syscall(), as all that waits: within its own nanosleep() ThreadSanitizer sees no locks, and signals come
 * there. */
static void nap(long ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	syscall(SYS_nanosleep, &time, NULL);
}

static char *anonymous(size_t size, int flags)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, ANON | flags, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

/* Nothing is unmapped twice: there may be another thread's memory by then. */
static void map(int round)
{
	const size_t size = round % 8 ? 8 * PAGE : 16 * PAGE;
	char *at = anonymous(8 * PAGE, 0);

	at[PAGE] = 1;
	mprotect(at + 2 * PAGE, PAGE, PROT_READ);
	madvise(at, PAGE, MADV_DONTDUMP);
	mprotect(at + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	madvise(at, PAGE, MADV_DODUMP);
	if (size != 8 * PAGE)
		at = mremap(at, 8 * PAGE, size, MREMAP_MAYMOVE);
	if (at == MAP_FAILED)
		abort();
	munmap(at + 4 * PAGE, size - 4 * PAGE);
	munmap(at, 4 * PAGE);
	syscall(SYS_brk, 0);
}

/* Each round elsewhere. By the program's own instructions: they trap. */
static void raw(int round)
{
	static long next_place = 0x5000000000;
	long at = __atomic_fetch_add(&next_place, 0x100000, __ATOMIC_RELAXED);

	(void)round;
	change_memory(raw6, at);
	raw6(SYS_munmap, at, 0x100000, 0, 0, 0, 0);
}

static void lock(int round)
{
	char *at = anonymous(2 * PAGE, round % 2 ? MAP_LOCKED : 0);

	mlock(at, PAGE);
	munlock(at, PAGE);
	munmap(at, 2 * PAGE);
}

/* By syscall(): ThreadSanitizer does not know all the ways to a descriptor, and takes a number that comes
 * again for a race. */
static void files(int round)
{
	long fd = syscall(SYS_memfd_create, "race", MFD_CLOEXEC), other = syscall(SYS_dup, 0);
	long shared = round % 2 ? MAP_SHARED : MAP_PRIVATE, at;

	if (fd < 0 || syscall(SYS_ftruncate, fd, 4 * PAGE))
		abort();
	at = syscall(SYS_mmap, NULL, 4 * PAGE, PROT_READ | PROT_WRITE, shared, fd, 0);
	syscall(SYS_munmap, at, 4 * PAGE);
	syscall(SYS_dup2, fd, other);
	at = syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_SHARED, other, 0);
	syscall(SYS_munmap, at, PAGE);
	syscall(SYS_close_range, other, other, 0);
	syscall(SYS_close, fd);
}

/* The recorder's own numbers: it moves away from them. */
static void take(int round)
{
	struct rlimit limit = {HIDDEN_BELOW, HIDDEN_BELOW};
	long first, at;

	getrlimit(RLIMIT_NOFILE, &limit);
	first = (limit.rlim_cur < HIDDEN_BELOW ? (long)limit.rlim_cur : HIDDEN_BELOW) - HIDDEN_FDS;
	at = first + round % (HIDDEN_FDS / 2);
	nap(5);
	syscall(SYS_dup2, 0, at);
	syscall(SYS_close, at);
	syscall(SYS_close_range, first, first + HIDDEN_FDS - 1, 0);
}

static void fork_by(raw_fn call, int round)
{
	long child = call(SYS_fork, 0, 0, 0, 0, 0, 0);

	if (!child) {
		call(SYS_brk, 0, 0, 0, 0, 0, 0);
		call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
	}
	if (child > 0)
		syscall(SYS_wait4, child, NULL, 0, NULL);
	nap(round % 20);
}

static long libcs(long nr, long a, long b, long c, long d, long e, long f)
{
	return syscall(nr, a, b, c, d, e, f);
}

/* Not by fork(), around which ThreadSanitizer sees no locks; nor is anything of its called in the child. */
static void fork_one(int round)
{
	fork_by(libcs, round);
}

static void fork_raw(int round)
{
	fork_by(raw6, round);
}

/* One at a time: ThreadSanitizer's own list of libraries is not safe from two. */
static void load(int round)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	void *library;

	(void)round;
	pthread_mutex_lock(&turn);
	library = dlopen("libresolv.so.2", RTLD_NOW | RTLD_LOCAL);
	if (library)
		dlclose(library);
	pthread_mutex_unlock(&turn);
}

/* The recorder looks away from threads that ThreadSanitizer does not know (ignored.c). */
__attribute__((weak)) void races_know(bool known);

static void know(bool known)
{
	if (races_know)
		races_know(known);
}

static void *short_life(void *arg)
{
	know(true);
	map(0);
	know(false);
	return arg;
}

static void begin(pthread_t *thread, void *(*work)(void *), void *arg)
{
	int err;

	/* in the midst of another thread's exec there are no new ones */
	while ((err = pthread_create(thread, NULL, work, arg)) == EAGAIN)
		nap(1);
	if (err)
		abort();
}

static void start(int round)
{
	pthread_t thread;

	(void)round;
	begin(&thread, short_life, NULL);
	pthread_join(thread, NULL);
}

static void ask(int round)
{
	vmsc_mark("here");
	if (round % 4 == 0)
		vmsc_pause();
	nap(1);
	vmsc_resume();
	if (round % 8 == 0)
		vmsc_check_now();
}

/* What is recorded, or looked at, besides the memory's own calls. */
static void others(int round)
{
	char *at = anonymous(2 * PAGE, 0);
	struct rlimit limit;
	int ready = 0;

	prctl(SET_VMA, SET_VMA_ANON_NAME, at, PAGE, round % 2 ? "odd" : "even");
	ioctl(0, FIONREAD, &ready);
	kill(getpid(), 0);
	if (!getrlimit(RLIMIT_MEMLOCK, &limit))
		setrlimit(RLIMIT_MEMLOCK, &limit);
	personality(0xffffffff);
	syscall(URING_SETUP, 0, NULL);
	munmap(at, 2 * PAGE);
}

/* As the kernel has it. */
struct action {
	uint64_t handler, flags, restorer, mask;
};

/* SIGSYS, which is the recorder's in truth: ignored, blocked, sent to the thread and to the process, pending.
 */
static void signals(int round)
{
	const struct action ignored = {.handler = (uintptr_t)SIG_IGN};
	const uint64_t mask = UINT64_C(1) << (SIGSYS - 1);
	struct action before;
	uint64_t pending;

	raw6(SYS_rt_sigaction, SIGSYS, (long)&ignored, (long)&before, sizeof(mask), 0, 0);
	raw6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&mask, 0, sizeof(mask), 0, 0);
	if (round % 2)
		raw6(SYS_kill, getpid(), SIGSYS, 0, 0, 0, 0);
	else
		raw6(SYS_tgkill, getpid(), gettid(), SIGSYS, 0, 0, 0);
	raw6(SYS_rt_sigpending, (long)&pending, sizeof(pending), 0, 0, 0, 0);
	raw6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, sizeof(mask), 0, 0);
}

static void alternate(int round)
{
	char *at = anonymous(STACK, 0);
	stack_t stack = {.ss_sp = at, .ss_size = STACK}, none = {.ss_flags = SS_DISABLE};

	(void)round;
	sigaltstack(&stack, NULL);
	sigaltstack(&none, NULL);
	munmap(at, STACK);
}

/* Fails: there is no such format. */
static void execute(int round)
{
	long fd = syscall(SYS_memfd_create, "no program", MFD_CLOEXEC);
	char *const nothing[] = {NULL};

	(void)round;
	if (fd < 0 || syscall(SYS_write, fd, "no program", 10) != 10)
		abort();
	syscall(SYS_execveat, fd, "", nothing, nothing, AT_EMPTY_PATH);
	syscall(SYS_close, fd);
	nap(20);
}

static void forbid_clock(int round)
{
	(void)round;
	prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
	nap(1);
}

static void *serve_one(void *arg)
{
	struct uffdio_zeropage pages = {.range = {(uintptr_t)arg, AREA * PAGE}};

	know(true);
	nap(300);
	ioctl(pages_of, UFFDIO_ZEROPAGE, &pages);
	know(false);
	return NULL;
}

/* Its page comes late: the others go on, and leave their calls to it. */
static void wait_for_page(int round)
{
	char *at = anonymous(AREA * PAGE, 0);
	struct uffdio_register range = {.range = {(uintptr_t)at, AREA * PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	pthread_t server;

	(void)round;
	if (ioctl(pages_of, UFFDIO_REGISTER, &range))
		abort();
	begin(&server, serve_one, at);
	madvise(at, AREA * PAGE, POPULATE_WRITE);
	pthread_join(server, NULL);
	munmap(at, AREA * PAGE);
	nap(50);
}

static void restrict_calls(int round)
{
	(void)round;
	nap(500);
	prctl(PR_SET_SECCOMP, 99, NULL); /* the recorder can't know that it will fail */
}

static const struct role {
	const char *name;
	void (*once)(int round);
} roles[] = {
	{"map", map},
	{"raw", raw},
	{"lock", lock},
	{"files", files},
	{"take", take},
	{"fork", fork_one},
	{"fork_raw", fork_raw},
	{"signals", signals},
	{"load", load},
	{"start", start},
	{"ask", ask},
	{"others", others},
	{"alternate", alternate},
	{"exec", execute},
	{"clock", forbid_clock},
	{"wait", wait_for_page},
	{"restrict", restrict_calls},
};

static void *play(void *arg)
{
	const struct role *role = arg;

	know(true);
	for (int round = 0;; round++)
		role->once(round);
	return NULL;
}

static const struct role *find_role(const char *name)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (!strcmp(roles[i].name, name))
			return &roles[i];
	}
	abort();
}

static bool can_serve_pages(void)
{
	struct uffdio_api api = {.api = UFFD_API};

	pages_of = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	return pages_of >= 0 && !ioctl(pages_of, UFFDIO_API, &api);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	for (int i = 2; i < argc; i++) {
		const struct role *role = find_role(argv[i]);

		if (role->once == wait_for_page && !can_serve_pages())
			return 77;
		for (int k = 0; k < THREADS_EACH; k++)
			begin(&thread, play, (void *)(uintptr_t)role);
	}
	nap(argc > 1 ? atol(argv[1]) * 1000 : 1000);
	return 0;
}
