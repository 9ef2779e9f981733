/* SPDX-License-Identifier: MIT */
/*
 * Changes its memory by system-call instructions that are not libc's: victim_raw HOW [LIBRARY]. Prints how
 * often it did. Exit status 0: every call answered as it must.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rawcalls.h"
#include "threads.h"

#define BASE	   0x200000000000
#define APART	   0x100000000
#define NR_THREADS 16
#define ROUNDS	   20

static int wrong = 0;

static void *in_thread(void *arg)
{
	for (long i = 0; i < ROUNDS; i++)
		__atomic_fetch_add(&wrong, change_memory(raw6, BASE + (long)arg * APART + i * 0x100000),
				   __ATOMIC_RELAXED);
	return NULL;
}

static int by_threads(void)
{
	run_threads(NR_THREADS, in_thread);
	return NR_THREADS * ROUNDS;
}

static void in_handler(int signal)
{
	static long nr = 0;

	(void)signal;
	wrong += change_memory(raw6, BASE + nr++ * 0x100000);
}

static int by_handler(int flags)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = in_handler, .sa_flags = flags};

	if (flags & SA_ONSTACK)
		sigaltstack(&alternate, NULL);
	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < ROUNDS; i++)
		raise(SIGUSR1);
	return ROUNDS;
}

/* In writable memory first, then made executable: code as a JIT compiler makes it. */
static raw_fn generate(void)
{
	static const unsigned char code[] = {
		0x48, 0x89, 0xf8, /* mov %rdi,%rax */
		0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89,
		0xca,						/* mov %rsi,%rdi; %rdx,%rsi; %rcx,%rdx */
		0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8,		/* mov %r8,%r10; %r9,%r8 */
		0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05, 0xc3, /* mov 8(%rsp),%r9; syscall; ret */
	};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	raw_fn function;

	memcpy(page, code, sizeof(code));
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	memcpy(&function, &page, sizeof(page));
	return function;
}

static int by_function(raw_fn function)
{
	for (int i = 0; i < ROUNDS; i++)
		wrong += change_memory(function, BASE + i * 0x100000);
	return ROUNDS;
}

static raw_fn load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW), *symbol = library ? dlsym(library, "library_call") : NULL;
	raw_fn function = raw6;

	wrong += !symbol;
	if (symbol)
		memcpy(&function, &symbol, sizeof(symbol));
	return function;
}

/* Grown, written to, and taken back. */
static int by_brk(void)
{
	long end = raw6(SYS_brk, 0, 0, 0, 0, 0, 0);

	wrong += raw6(SYS_brk, end + 0x10000, 0, 0, 0, 0, 0) != end + 0x10000;
	*(volatile char *)(end + 0x8000) = 1;
	wrong += raw6(SYS_brk, end + 0x4000, 0, 0, 0, 0, 0) != end + 0x4000;
	return 3;
}

/* A child by the program's own fork changes its own memory. */
static int by_fork(void)
{
	int status = -1;
	long pid = raw6(SYS_fork, 0, 0, 0, 0, 0, 0);

	if (!pid) {
		wrong = change_memory(raw6, BASE + 64 * APART);
		raw6(SYS_exit_group, wrong, 0, 0, 0, 0, 0);
	}
	raw6(SYS_wait4, pid, (long)&status, 0, 0, 0, 0);
	wrong += status != 0;
	wrong += change_memory(raw6, BASE);
	return 1;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "plain";
	int nr = -1;

	if (!strcmp(how, "plain"))
		nr = by_function(raw6);
	else if (!strcmp(how, "threads"))
		nr = by_threads();
	else if (!strcmp(how, "handler"))
		nr = by_handler(0);
	else if (!strcmp(how, "altstack"))
		nr = by_handler(SA_ONSTACK);
	else if (!strcmp(how, "generated"))
		nr = by_function(generate());
	else if (!strcmp(how, "library"))
		nr = by_function(load(argv[2]));
	else if (!strcmp(how, "brk"))
		nr = by_brk();
	else if (!strcmp(how, "fork"))
		nr = by_fork();
	printf("%d\n", nr);
	return wrong != 0;
}
