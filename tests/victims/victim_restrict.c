/* SPDX-License-Identifier: MIT */
/*
 * What capture in full can't follow: victim_restrict HOW. Exit status 0: the program ran as it must.
 * seccomp: it filters its own calls, and forks. probes: it asks what filters there could be, as libseccomp does. dispatch: it
 * traps its calls itself. old: it calls by int $0x80. tls: it makes a thread whose thread data are not libc's. behind: it
 * forks when its trace is full.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "rawcalls.h"

#define BASE	     0x200000000000
#define SET_DISPATCH 59

static volatile sig_atomic_t trapped = 0;
static volatile char selector = 0;
static volatile int gone = 1, thread_wrong = -1;
static char stack[65536] __attribute__((aligned(64)));
static char thread_data[4096] __attribute__((aligned(4096)));

/* A child that changes its memory. Returns: 0 when it could. */
static int fork_one(void)
{
	pid_t child = fork();
	int status = 1;

	if (!child)
		_exit(change_memory(raw6, BASE + 0x200000));
	return child < 0 || waitpid(child, &status, 0) != child || status;
}

static int with_seccomp(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	if (change_memory(raw6, BASE) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 1;
	return change_memory(raw6, BASE + 0x100000) || fork_one();
}

static int with_probes(void)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) != -1 || errno != EINVAL ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL) != -1 || errno != EFAULT ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != -1 || errno != EFAULT)
		return 1;
	return change_memory(raw6, BASE + 0x100000) || fork_one();
}

static int with_full_trace(void)
{
	for (int i = 0; i < 40000; i++) {
		if (mprotect(thread_data, sizeof(thread_data), i & 1 ? PROT_READ | PROT_WRITE : PROT_READ))
			return 1;
	}
	return change_memory(raw6, BASE + 0x100000) || fork_one();
}

static void on_trap(int signal, siginfo_t *info, void *data)
{
	ucontext_t *context = data;

	(void)signal;
	selector = 0;
	trapped += info->si_syscall == SYS_getppid;
	context->uc_mcontext.gregs[REG_RAX] = 4711;
}

static int with_dispatch(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	long ret;

	sigaction(SIGSYS, &action, NULL);
	if (change_memory(raw6, BASE) || prctl(SET_DISPATCH, 1, 0, 0, &selector))
		return 1;
	selector = 1;
	ret = raw6(SYS_getppid, 0, 0, 0, 0, 0, 0);
	return trapped != 1 || ret != 4711 || change_memory(raw6, BASE + 0x100000);
}

static int with_old_calls(void)
{
	long pid;

	__asm__ volatile("int $0x80" : "=a"(pid) : "a"(20 /* getpid */) : "memory", "r8", "r9", "r10", "r11");
	return pid != getpid() || change_memory(raw6, BASE);
}

static void in_thread(void)
{
	thread_wrong = change_memory(raw6, BASE);
	raw6(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static int with_thread_data(void)
{
	const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
			   CLONE_SETTLS | CLONE_CHILD_CLEARTID;
	uint64_t *top = (uint64_t *)(stack + sizeof(stack)) - 2;
	register long r10 __asm__("r10") = (long)&gone;
	register long r8 __asm__("r8") = (long)thread_data;
	long ret;

	*top = (uintptr_t)in_thread;
	__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tpop %%rax\n\tcall *%%rax\n1:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(flags), "S"(top), "d"(0), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	while (gone && ret > 0)
		raw6(SYS_futex, (long)&gone, 0 /* FUTEX_WAIT */, 1, 0, 0, 0);
	return ret <= 0 || thread_wrong || change_memory(raw6, BASE + 0x100000);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!strcmp(how, "seccomp"))
		return with_seccomp();
	if (!strcmp(how, "probes"))
		return with_probes();
	if (!strcmp(how, "behind"))
		return with_full_trace();
	if (!strcmp(how, "dispatch"))
		return with_dispatch();
	if (!strcmp(how, "old"))
		return with_old_calls();
	if (!strcmp(how, "tls"))
		return with_thread_data();
	return 9;
}
