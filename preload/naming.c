/* SPDX-License-Identifier: MIT */
/* naming.c - see naming.h. */
#include "naming.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "recorder.h"
#include "sys.h"
#include "text.h"
#include "writer.h"

#include "inject.h"

#define MAX_EARLIER 1000
#define NR_ATTEMPTS 4
#define NO_REPORT "/dev/null"
#define FACCESSAT2 439

static uint32_t counter = 0; /* of traces begun by this program, for %n */

/* A name of ours that is listed shall not command the terminal: C0, DEL, and C1 as UTF-8 has it. */
static bool is_control(const char *comm, long i)
{
	unsigned char c = comm[i];

	return c < ' ' || c == 0x7f || (c >= 0x80 && c <= 0x9f && i && (unsigned char)comm[i - 1] == 0xc2);
}

static void put_comm(struct vmsc_text *text)
{
	char comm[32];
	long length = vmsc_sys_slurp("/proc/self/comm", comm, sizeof(comm));

	if (length > 0 && comm[length - 1] == '\n')
		length--;
	for (long i = 0; i < length; i++)
		vmsc_text_char(text, comm[i] == '/' || is_control(comm, i) ? '_' : comm[i]);
}

static void expand(struct vmsc_text *text, const char *pattern)
{
	for (; *pattern; pattern++) {
		if (*pattern != '%' || !pattern[1]) {
			vmsc_text_char(text, *pattern);
			continue;
		}
		switch (*++pattern) {
		case 'p':
			vmsc_text_number(text, sys_getpid());
			break;
		case 'e':
			put_comm(text);
			break;
		case 'n':
			vmsc_text_number(text, counter);
			break;
		case '%':
			vmsc_text_char(text, '%');
			break;
		default:
			vmsc_text_char(text, '%');
			vmsc_text_char(text, *pattern);
		}
	}
}

/* @pattern, expanded and absolute. Returns: false when it is too long. */
static bool make_path(char path[PATH_MAX], const char *pattern)
{
	struct vmsc_text text = vmsc_text_in(path, PATH_MAX);
	long length;

	if (*pattern != '/') {
		length = sys3(SYS_getcwd, (uintptr_t)path, PATH_MAX, 0);
		if (length <= 1 || path[0] != '/')
			return false;
		text.length = length - 1;
		vmsc_text_char(&text, '/');
	}
	expand(&text, pattern);
	return !text.cut;
}

static bool append(char path[PATH_MAX], const char *before, uint64_t number)
{
	struct vmsc_text text = { path, strlen(path), PATH_MAX, false };

	vmsc_text_put(&text, before);
	vmsc_text_number(&text, number);
	return !text.cut;
}

static bool append_pid(struct vmsc_names *names)
{
	names->appended = true;
	return append(names->trace, ".", sys_getpid()) && append(names->report, ".", sys_getpid());
}

static bool make_names(struct vmsc_names *names)
{
	const struct vmsc_options *options = &vmsc_rec.options;

	memset(names, 0, sizeof(*names));
	names->keep_trace = options->trace[0];
	if (!make_path(names->report, options->report))
		return false;
	if (names->keep_trace)
		return make_path(names->trace, options->trace);
	if (strlen(names->report) + 5 > PATH_MAX)
		return false;
	memcpy(names->trace, names->report, strlen(names->report) + 1);
	memcpy(names->trace + strlen(names->trace), ".vmt", 5);
	return true;
}

/* Is the trace at @path of this very process, written before it exec'ed? */
static bool is_earlier_image(const char *path)
{
	struct vmsc_trace_header header = { .pid = 0 };
	int fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0)
		return false;
	if (sys_read(fd, &header, sizeof(header)) != (long)sizeof(header))
		header.pid = 0;
	sys_close(fd);
	return !memcmp(header.magic, VMSC_TRACE_MAGIC, sizeof(header.magic)) && header.pid == sys_getpid() &&
	       header.process_started == vmsc_attach_process_started() && header.ended == VMSC_ENDED_EXEC;
}

static bool has_pid(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (*pattern != '%')
			continue;
		if (*++pattern == 'p')
			return true;
		if (!*pattern)
			break;
	}
	return false;
}

/* Names of the image before the @index-th exec. */
static bool make_earlier(const struct vmsc_names *names, uint32_t index, struct vmsc_names *to)
{
	*to = *names;
	if (!names->appended && !has_pid(names->keep_trace ? vmsc_rec.options.trace : vmsc_rec.options.report) &&
	    !append_pid(to))
		return false;
	return append(to->trace, ".exec", index) && append(to->report, ".exec", index);
}

static bool move_earlier(const struct vmsc_names *names, struct vmsc_names *earlier)
{
	for (uint32_t index = 1; index <= MAX_EARLIER; index++) {
		long err;

		if (!make_earlier(names, index, earlier))
			return false;
		err = sys6(SYS_renameat2, AT_FDCWD, (uintptr_t)names->trace, AT_FDCWD, (uintptr_t)earlier->trace,
			   RENAME_NOREPLACE, 0);
		if (err != -EEXIST)
			return !err;
	}
	return false;
}

bool vmsc_naming_last(const struct vmsc_names *names, struct vmsc_names *to)
{
	for (uint32_t index = 1; index <= MAX_EARLIER; index++) {
		if (!make_earlier(names, index, to))
			return false;
		if (sys6(SYS_faccessat, AT_FDCWD, (uintptr_t)to->report, 0 /* F_OK */, 0, 0, 0) == -ENOENT)
			break;
	}
	memcpy(to->trace, names->trace, sizeof(to->trace));
	return true;
}

/* The launcher reads who traced what; a later line about a trace holds. */
static void tell_session(const struct vmsc_names *names)
{
	static char line[2 * PATH_MAX + 32] = { 0 };
	struct vmsc_text text = vmsc_text_in(line, sizeof(line));
	int fd;

	if (!vmsc_rec.options.session[0])
		return;

	vmsc_text_number(&text, sys_getpid());
	vmsc_text_char(&text, '\t');
	vmsc_text_put(&text, names->trace);
	vmsc_text_char(&text, '\t');
	vmsc_text_put(&text, names->report);
	vmsc_text_char(&text, '\n');
	fd = sys_open(vmsc_rec.options.session, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
		      0);
	if (fd < 0)
		return;
	sys_write(fd, line, text.length);
	sys_close(fd);
}

/* Opens a new trace, by another name where this one is taken. */
static int open_new(struct vmsc_names *names)
{
	static struct vmsc_names earlier = { .appended = false };
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
	int fd = -EEXIST;

	for (int i = 0; i < NR_ATTEMPTS && fd == -EEXIST; i++) {
		fd = vmsc_sys_open_hidden(names->trace, flags, VMSC_MODE_WRITING);
		if (fd != -EEXIST)
			break;
		if (is_earlier_image(names->trace) && move_earlier(names, &earlier)) {
			tell_session(&earlier);
			continue;
		}
		if (names->appended || !append_pid(names))
			break;
	}
	return fd;
}

/* The launcher's session file is not ours to write: this process became another user's. */
static bool is_foreign(void)
{
	const char *session = vmsc_rec.options.session;

	return session[0] && sys6(SYS_faccessat, AT_FDCWD, (uintptr_t)session, W_OK, 0, 0, 0) == -EACCES;
}

static void put_folder(struct vmsc_text *text, const char *path)
{
	const char *end = strrchr(path, '/');

	while (path <= end)
		vmsc_text_char(text, *path++);
}

/*
 * A process that became another user's (runuser, the start of a server) may not write where the launcher's user wants the
 * trace, nor rename what it wrote there before. It writes into the launcher's folder, which takes it where root launched.
 */
static bool make_foreign(struct vmsc_names *names)
{
	static char path[PATH_MAX] = { 0 };
	struct vmsc_text text = vmsc_text_in(path, sizeof(path));

	if (!names->appended && !append_pid(names))
		return false;
	put_folder(&text, vmsc_rec.options.session);
	vmsc_text_put(&text, strrchr(names->trace, '/') + 1);
	vmsc_text_put(&text, ".as");
	vmsc_text_number(&text, sys3(SYS_geteuid, 0, 0, 0));
	memcpy(names->trace, path, text.length + 1);
	memcpy(names->report, NO_REPORT, sizeof(NO_REPORT)); /* the launcher writes it */
	return !text.cut;
}

int vmsc_naming_open(struct vmsc_names *names)
{
	int fd;

	counter++;
	if (!make_names(names) || (is_foreign() && !make_foreign(names)))
		return -ENAMETOOLONG;
	fd = open_new(names);
	if (fd >= 0)
		tell_session(names);
	return fd;
}

/* Folders, "" where they can't be told beforehand. Not made when they are asked for: forks and execs ask without the lock. */
static char own_place[PATH_MAX] = { 0 }, session_place[PATH_MAX] = { 0 };

/* Relative patterns mean the folder that the process is in. */
static void find_place(char place[PATH_MAX], const char *pattern)
{
	struct vmsc_text text = vmsc_text_in(place, PATH_MAX);

	if (strrchr(pattern, '/'))
		put_folder(&text, pattern);
	else
		vmsc_text_put(&text, "./");
	if (strchr(place, '%') || text.cut)
		place[0] = '\0';
}

void vmsc_naming_begin(void)
{
	const struct vmsc_options *options = &vmsc_rec.options;

	find_place(own_place, options->trace[0] ? options->trace : options->report);
	find_place(session_place, options->session);
}

/* A folder outside of the root has none. Of what several threads get at once the first byte is the same. */
static bool has_name(void)
{
	static char name[PATH_MAX] = { 0 };

	return sys3(SYS_getcwd, (uintptr_t)name, sizeof(name), 0) <= 0 ||
	       __atomic_load_n(name, __ATOMIC_RELAXED) == '/';
}

bool vmsc_naming_is_reachable(void)
{
	const char *place = is_foreign() ? session_place : own_place;
	long err;

	if (!place[0])
		return true;
	err = sys6(FACCESSAT2, AT_FDCWD, (uintptr_t)place, W_OK | X_OK, AT_EACCESS, 0, 0);
	if (err)
		return err == -ENOSYS;
	return place[0] == '/' || has_name();
}
