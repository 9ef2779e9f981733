/* SPDX-License-Identifier: MIT */
/* Runs a command, and prints the maps of it and of every process that it makes, at the moment when each ends.
 * */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS                                                                                              \
	(PTRACE_O_TRACEEXIT | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |               \
	 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static void copy(pid_t pid, const char *what)
{
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY);
	while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n - (what[0] == 'c'), stdout);
	close(fd);
}

static void tell(pid_t pid)
{
	printf("== ");
	copy(pid, "comm");
	printf(" %d\n", pid);
	copy(pid, "maps");
}

/* The signal that the stopped process shall get. */
static int signal_of(pid_t pid, int status)
{
	int event = status >> 16, number = WSTOPSIG(status);
	siginfo_t info;

	if (event == PTRACE_EVENT_EXIT)
		tell(pid);
	if (event || number == SIGTRAP)
		return 0;
	return number == SIGSTOP && (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) || info.si_code <= 0)
		       ? 0
		       : number;
}

int main(int argc, char **argv)
{
	int status, result = 1;
	pid_t child = argc > 1 ? fork() : -1, pid;

	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(77);
		raise(SIGSTOP);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    ptrace(PTRACE_SETOPTIONS, child, NULL, OPTIONS))
		return 77;
	ptrace(PTRACE_CONT, child, NULL, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status))
			ptrace(PTRACE_CONT, pid, NULL, signal_of(pid, status));
		else if (pid == child)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	return result;
}
