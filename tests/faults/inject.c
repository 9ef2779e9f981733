/* SPDX-License-Identifier: MIT */
/*
 * inject.c - makes one system call of the recorder's own fail.
 *
 *   inject LIBRARY PASSED NUMBER ERRNO -- COMMAND…
 *
 * The recorder makes its calls through one instruction: whose a call is, the return address on the stack tells. PASSED is a
 * file with the offsets in LIBRARY (hexadecimal, one a line) where calls of the program's return to that are only handed on.
 * The NUMBER-th other call, in any thread of the first process, is not made and answers -ERRNO (0: the process is killed
 * instead); NUMBER 0 lets all be. Prints to
 * descriptor 9 how many there were, the number of the one that was hit, and where it would have returned to. Ends with
 * COMMAND's status.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PASSED = 64, MAX_TASKS = 256 };

struct injector {
	const char *library;
	uint64_t passed[MAX_PASSED];
	size_t nr_passed;
	unsigned long wanted, seen;
	long error;
	pid_t pid;
	uint64_t base, end; /* of the library in the process; 0: not there yet */
	pid_t inside[MAX_TASKS]; /* tasks between a call's entry and its end */
	pid_t failing; /* whose call is to answer the error, 0: none */
	uint64_t hit_nr, hit_site;
};

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static void read_passed(struct injector *injector, const char *path)
{
	FILE *in = fopen(path, "r");
	char line[64];

	if (!in)
		die(path);
	while (fgets(line, sizeof(line), in) && injector->nr_passed < MAX_PASSED)
		injector->passed[injector->nr_passed++] = strtoull(line, NULL, 16);
	fclose(in);
}

/* Where the library lies; looked up until it is there. */
static void find_library(struct injector *injector)
{
	char path[64], line[4608];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/maps", injector->pid);
	in = fopen(path, "r");
	while (in && fgets(line, sizeof(line), in)) {
		char *name = strchr(line, '/');
		uint64_t start, end;

		if (!name || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		name[strcspn(name, "\n")] = '\0';
		if (strcmp(name, injector->library))
			continue;
		if (!injector->base)
			injector->base = start;
		injector->end = end;
	}
	if (in)
		fclose(in);
}

static int is_own_call(struct injector *injector, uint64_t back)
{
	if (!injector->base)
		find_library(injector);
	if (back < injector->base || back >= injector->end)
		return 0;
	for (size_t i = 0; i < injector->nr_passed; i++) {
		if (injector->base + injector->passed[i] == back)
			return 0;
	}
	return 1;
}

/* Was this task between entry and end? Turns it over. */
static int turn(struct injector *injector, pid_t task)
{
	int free = -1;

	for (int i = 0; i < MAX_TASKS; i++) {
		if (injector->inside[i] == task) {
			injector->inside[i] = 0;
			return 1;
		}
		if (!injector->inside[i] && free < 0)
			free = i;
	}
	if (free >= 0)
		injector->inside[free] = task;
	return 0;
}

static void on_syscall(struct injector *injector, pid_t task)
{
	struct user_regs_struct regs;
	int ends = turn(injector, task);
	uint64_t back;

	if (ptrace(PTRACE_GETREGS, task, NULL, &regs))
		return;
	if (ends) {
		if (injector->failing != task)
			return;
		injector->failing = 0;
		regs.rax = (uint64_t)-injector->error;
		ptrace(PTRACE_SETREGS, task, NULL, &regs);
		return;
	}
	back = (uint64_t)ptrace(PTRACE_PEEKDATA, task, (void *)regs.rsp, NULL);
	if (!is_own_call(injector, back) || ++injector->seen != injector->wanted)
		return;
	injector->hit_nr = regs.orig_rax;
	injector->hit_site = back - injector->base;
	if (!injector->error) {
		kill(injector->pid, SIGKILL);
		return;
	}
	injector->failing = task;
	regs.orig_rax = (uint64_t)-1;
	ptrace(PTRACE_SETREGS, task, NULL, &regs);
}

/* Returns: the signal to go on with, or -1 for a task that is let go. */
static int on_stop(struct injector *injector, pid_t task, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (signal == (SIGTRAP | 0x80)) {
		on_syscall(injector, task);
		return 0;
	}
	if (event == PTRACE_EVENT_EXEC) {
		memset(injector->inside, 0, sizeof(injector->inside));
		injector->base = injector->end = 0;
		turn(injector, task);
		return 0;
	}
	if (event)
		return 0;
	return signal == SIGSTOP || signal == SIGTRAP ? 0 : signal;
}

static int trace(struct injector *injector)
{
	int status, result = 125;
	pid_t task;

	while ((task = waitpid(-1, &status, __WALL)) > 0) {
		int signal;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (task == injector->pid)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			continue;
		}
		signal = on_stop(injector, task, status);
		ptrace(PTRACE_SYSCALL, task, NULL, (void *)(intptr_t)signal);
	}
	dprintf(9, "%lu %lu %lx\n", injector->seen, injector->hit_nr, injector->hit_site);
	return result;
}

static pid_t start(char **command)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	pid_t pid = fork();
	int status;

	if (!pid) {
		close(9);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(command[0], command);
		die(command[0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options))
		die("start");
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	return pid;
}

int main(int argc, char **argv)
{
	static struct injector injector;

	if (argc < 7 || strcmp(argv[5], "--")) {
		fprintf(stderr, "usage: inject LIBRARY PASSED NUMBER ERRNO -- COMMAND…\n");
		return 2;
	}
	injector.library = argv[1];
	read_passed(&injector, argv[2]);
	injector.wanted = strtoul(argv[3], NULL, 10);
	injector.error = strtol(argv[4], NULL, 10);
	injector.pid = start(argv + 6);
	return trace(&injector);
}
