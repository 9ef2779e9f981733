/* SPDX-License-Identifier: MIT */
/*
 * Children and threads by the program's own clone, vfork and clone3 instructions: victim_rawchild HOW. Each
 * exit status 0 is a program that ran as it must.
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rawcalls.h"

#define BASE  0x200000000000
#define STACK 65536

static char stack[STACK] __attribute__((aligned(64)));
static volatile int done = 0, child_wrong = 0;

/* The child is on the parent's stack: nothing of a frame may be used but what is in registers. */
static long raw_vfork(const char *path, char *const *argv)
{
	char *const none[] = {NULL};
	long ret;

	__asm__ volatile("mov $58, %%eax\n\t"
			 "syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov $59, %%eax\n\t"
			 "syscall\n\t"
			 "mov $231, %%eax\n\t"
			 "mov $9, %%edi\n\t"
			 "syscall\n"
			 "1:"
			 : "=&a"(ret)
			 : "D"(path), "S"(argv), "d"(none)
			 : "rcx", "r11", "memory");
	return ret;
}

static int by_vfork(const char *self)
{
	char *const argv[] = {"victim_rawchild", "nothing", NULL};
	int status = -1, wrong = 0;

	for (int i = 0; i < 5; i++) {
		long pid = raw_vfork(self, argv);

		waitpid(pid, &status, 0);
		wrong += status != 0;
	}
	return wrong;
}

static void in_clone(void)
{
	child_wrong += change_memory(raw6, BASE);
	done = 1;
	raw6(SYS_exit, 0, 0, 0, 0, 0, 0);
}

/* A child on a stack of its own, which begins with the address to go to. */
static long raw_clone(long flags, volatile int *gone)
{
	uint64_t *top = (uint64_t *)(stack + STACK) - 2;
	long ret;
	register long r10 __asm__("r10") = (long)gone;
	register long r8 __asm__("r8") = 0;

	*top = (uintptr_t)in_clone;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "pop %%rax\n\t"
			 "call *%%rax\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(flags), "S"(top), "d"(0), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

/* With this thread's data, while this thread waits. */
static int by_clone(void)
{
	static volatile int gone = 1;
	long pid = raw_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				     CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
			     &gone);

	while (gone && pid > 0)
		raw6(SYS_futex, (long)&gone, 0 /* FUTEX_WAIT */, 1, 0, 0, 0);
	return pid <= 0 || !done || child_wrong;
}

/* A process of its own on our memory. */
static int by_clone_process(void)
{
	long pid = raw_clone(CLONE_VM | SIGCHLD, NULL);
	int status = -1;

	waitpid(pid, &status, 0);
	return status != 0 || !done || child_wrong;
}

static int by_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	long pid = raw6(SYS_clone3, (long)&args, sizeof(args), 0, 0, 0, 0);
	int status = -1;

	if (!pid)
		raw6(SYS_exit_group, change_memory(raw6, BASE), 0, 0, 0, 0, 0);
	raw6(SYS_wait4, pid, (long)&status, 0, 0, 0, 0);
	return status != 0 || change_memory(raw6, BASE + 0x100000);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int wrong = 0;

	if (!strcmp(how, "vfork"))
		wrong = by_vfork(argv[0]);
	else if (!strcmp(how, "clone"))
		wrong = by_clone();
	else if (!strcmp(how, "process"))
		wrong = by_clone_process();
	else if (!strcmp(how, "clone3"))
		wrong = by_clone3();
	return wrong;
}
