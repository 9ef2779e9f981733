/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "door.h"
#include "options.h"
#include "recorder.h"
#include "start.h"
#include "sys.h"
#include "text.h"

#include "inject.h"

#define NR_KEPT 8
#define KEPT_SIZE 4096
#define WRITER_STACK 1024 /* bytes, for system calls only */

static char command[PATH_MAX] = { 0 };
static char kept[KEPT_SIZE] = { 0 };
static char *environment[NR_KEPT + 1] = { NULL };

/*
 * The command is looked for above the library too, where others may write when the library lies in a folder of theirs. It
 * must be root's, ours, or that of whoever owns the library, who is in this process already.
 */
static bool is_trusted(const char *library)
{
	struct stat of_command, of_library;
	uint32_t owner;

	if (sys6(SYS_newfstatat, AT_FDCWD, (uintptr_t)command, (uintptr_t)&of_command, 0, 0, 0) ||
	    sys6(SYS_newfstatat, AT_FDCWD, (uintptr_t)library, (uintptr_t)&of_library, 0, 0, 0))
		return false;
	owner = of_command.st_uid;
	return S_ISREG(of_command.st_mode) && !(of_command.st_mode & S_IWOTH) &&
	       (!owner || owner == of_library.st_uid || owner == (uint32_t)sys3(SYS_geteuid, 0, 0, 0));
}

static bool try_command(const char *library, const char *beside)
{
	struct vmsc_text text = vmsc_text_in(command, sizeof(command));
	const char *slash = strrchr(library, '/');

	if (library[0] != '/') {
		long length = sys3(SYS_getcwd, (uintptr_t)command, sizeof(command), 0);

		if (length <= 1)
			return false;
		text.length = length - 1;
		vmsc_text_char(&text, '/');
	}
	for (const char *at = library; slash && at < slash; at++)
		vmsc_text_char(&text, *at);
	vmsc_text_put(&text, slash ? beside : beside + 1);
	return !text.cut && command[0] == '/' && is_trusted(library) &&
	       !sys6(SYS_faccessat, AT_FDCWD, (uintptr_t)command, 1 /* X_OK */, 0, 0, 0);
}

static void keep_environment(char **envp)
{
	static const char *const names[] = { "PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "XDG_CACHE_HOME" };
	struct vmsc_text text = vmsc_text_in(kept, sizeof(kept));
	int nr = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = vmsc_options_find(envp, names[i]);
		struct vmsc_text before = text;

		if (!value)
			continue;
		environment[nr] = text.at + text.length;
		vmsc_text_put(&text, names[i]);
		vmsc_text_char(&text, '=');
		vmsc_text_put(&text, value);
		if (text.cut || text.length + 2 > text.size) {
			text = before;
			continue;
		}
		text.length++;
		text.at[text.length] = '\0';
		nr++;
	}
	environment[nr] = NULL;
}

void vmsc_report_prepare(const char *library, char **envp)
{
	static const char *const places[] = { "/../../bin/vmascope", "/../../../bin/vmascope", "/vmascope" };

	keep_environment(envp);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (try_command(library, places[i]))
			return;
	}
	command[0] = '\0';
}

/* On the parent's memory, while the parent is stopped: nothing may return. */
static __attribute__((noreturn)) void become_writer(void *args)
{
	/* first of all room: the program may have all descriptors that are allowed */
	sys3(SYS_close_range, 0, ~0u, 0);
	if (sys_open("/dev/null", O_RDWR, 0) == 0 && sys3(SYS_dup3, 0, 1, 0) == 1 && sys3(SYS_dup3, 0, 2, 0) == 2)
		sys3(SYS_execve, (uintptr_t)command, (uintptr_t)args, (uintptr_t)environment);
	for (;;)
		sys3(SYS_exit_group, 127, 0, 0);
}

struct writing {
	const char *const *args;
	char watchers_stack[WRITER_STACK] __attribute__((aligned(16)));
	char writers_stack[WRITER_STACK] __attribute__((aligned(16)));
};

static void wait_for(long pid)
{
	int status = 0;
	long ret;

	do
		ret = pid > 0 ? sys6(SYS_wait4, pid, (uintptr_t)&status, __WALL, 0, 0, 0) : 0;
	while (ret == -EINTR);
}

/*
 * Between us and the writer: of a child that has exec'ed the program would get SIGCHLD, and find it with wait(). Of one
 * that only ends it gets nothing. Nothing may return.
 */
static __attribute__((noreturn)) void watch_writer(void *arg)
{
	struct writing *writing = arg;

	wait_for(vmsc_door_spawn(writing->writers_stack + WRITER_STACK, become_writer, (void *)(uintptr_t)writing->args));
	for (;;)
		sys3(SYS_exit_group, 0, 0, 0);
}

/* @started: which trace it is, 0 when that is not known any more. */
static void write_one(const struct vmsc_names *names, uint64_t started)
{
	char which[40];
	struct vmsc_text text = vmsc_text_in(which, sizeof(which));
	const char *const args[] = {
		"vmascope", "write-report", which, names->trace, names->report,
		names->keep_trace ? NULL : "--remove-trace", NULL,
	};
	struct writing writing;
	uint64_t all = ~UINT64_C(0), before = 0;

	writing.args = args;
	vmsc_text_put(&text, "--started=");
	vmsc_text_number(&text, started);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&all, (uintptr_t)&before, sizeof(all), 0, 0);
	wait_for(vmsc_door_spawn(writing.watchers_stack + WRITER_STACK, watch_writer, &writing));
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&before, 0, sizeof(all), 0, 0);
}

void vmsc_report_write(void)
{
	if (command[0])
		write_one(&vmsc_names, __atomic_load_n(&vmsc_rec.started, __ATOMIC_RELAXED));
}

void vmsc_report_write_last(void)
{
	static struct vmsc_names last = { .appended = false };

	if (command[0] && vmsc_naming_last(&vmsc_names, &last))
		write_one(&last, 0);
}
