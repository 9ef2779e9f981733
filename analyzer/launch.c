/* SPDX-License-Identifier: MIT */
/*
 * The command runs as it would without us: same terminal, same signals, same way to end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recording.h"
#include "say.h"

static volatile sig_atomic_t running_pid;

static void pass_on(int number)
{
	int err = errno;

	if (running_pid)
		kill((pid_t)running_pid, number);
	errno = err;
}

/* --- in the child --- */

static void set(const char *name, const char *value)
{
	if (value && setenv(name, value, 1))
		_exit(VMSC_EXIT_RECORD_FAILED);
}

static const char *zero_one(const char *choice)
{
	return !choice ? NULL : !strcmp(choice, "on") ? "1" : "0";
}

/* AddressSanitizer ends a program that has a library loaded before its own. Ours takes nothing of what that
 * intercepts. */
static void allow_asan(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char *more = vmsc_format("%s%sverify_asan_link_order=0", options ? options : "",
				 options && *options ? ":" : "");

	set("ASAN_OPTIONS", more);
	free(more);
}

static void set_environment(const struct vmsc_recording *recording)
{
	const char *preload = getenv("LD_PRELOAD");
	char *list = preload && *preload ? vmsc_format("%s:%s", recording->library, preload)
					 : vmsc_format("%s", recording->library);
	char *launcher = vmsc_format("%d", getppid());

	allow_asan();
	set("LD_PRELOAD", list);
	set("VMASCOPE_TRACE", recording->trace);
	set("VMASCOPE_OUT", recording->report ? recording->report : VMSC_NO_REPORT);
	set("VMASCOPE_CHECK", recording->check);
	set("VMASCOPE_CAPTURE", recording->capture);
	set("VMASCOPE_STACKS", zero_one(recording->stacks));
	set("VMASCOPE_FOLLOW", zero_one(recording->follow));
	set("VMASCOPE_TABLES", zero_one(recording->tables));
	set("VMASCOPE_LIMIT", recording->limit);
	set("VMASCOPE_RULES", recording->rules);
	if (recording->rules)
		set("VMASCOPE_RULES_SOURCE", "experiment");
	set("VMASCOPE_LAUNCHER", launcher);
	set("VMASCOPE_SESSION", recording->session);
	free(list);
	free(launcher);
}

static void become_command(const struct vmsc_recording *recording, const sigset_t *mask, int fd)
{
	ssize_t written;
	int err;

	set_environment(recording);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(recording->command[0], recording->command);
	err = errno;
	written = write(fd, &err, sizeof(err));
	_exit(written == (ssize_t)sizeof(err) ? VMSC_EXIT_CANNOT_EXECUTE : VMSC_EXIT_RECORD_FAILED);
}

/* --- in the launcher --- */

/* While the command runs the terminal's signals are its business; the ones meant for us are passed on. */
static void arrange_signals(bool running)
{
	static struct sigaction before[4];
	static const int numbers[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = SIG_IGN};
	int i;

	for (i = 0; i < 4; i++) {
		if (!running) {
			sigaction(numbers[i], &before[i], NULL);
			continue;
		}
		action.sa_handler = i < 2 ? SIG_IGN : pass_on;
		action.sa_flags = i < 2 ? 0 : SA_RESTART;
		sigaction(numbers[i], &action, &before[i]);
	}
}

static int start_failed(const struct vmsc_recording *recording, int err)
{
	vmsc_complain("record: %s: %s", recording->command[0], err == ENOENT ? "not found" : strerror(err));
	return err == ENOENT ? VMSC_EXIT_NOT_FOUND : VMSC_EXIT_CANNOT_EXECUTE;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int vmsc_recording_run(struct vmsc_recording *recording, int *failure)
{
	int ends[2], err = 0, status;
	sigset_t all, mask;
	ssize_t n;

	*failure = VMSC_EXIT_RECORD_FAILED;
	if (pipe2(ends, O_CLOEXEC)) {
		vmsc_complain("record: no pipe: %s", strerror(errno));
		return -1;
	}
	fflush(NULL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	recording->pid = fork();
	if (!recording->pid)
		become_command(recording, &mask, ends[1]);
	running_pid = recording->pid > 0 ? (sig_atomic_t)recording->pid : 0;
	if (recording->pid > 0)
		arrange_signals(true);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	close(ends[1]);
	if (recording->pid < 0) {
		vmsc_complain("record: can't fork: %s", strerror(errno));
		close(ends[0]);
		return -1;
	}
	while ((n = read(ends[0], &err, sizeof(err))) < 0 && errno == EINTR)
		;
	close(ends[0]);
	status = wait_for(recording->pid);
	running_pid = 0;
	arrange_signals(false);
	if (n != (ssize_t)sizeof(err))
		return status;
	*failure = start_failed(recording, err);
	return -1;
}
