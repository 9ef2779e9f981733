/* SPDX-License-Identifier: MIT */
/*
 * What is left to do when the command has ended. The session file has a line for every trace that was begun
 * or renamed: pid, trace, report, with tabs between. It was written by the processes themselves, so nothing
 * in it is believed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adopt.h"
#include "recording.h"
#include "report.h"
#include "say.h"
#include "vmascope/trace.h"

struct session_line {
	pid_t pid;
	char *trace, *report;
};

struct session {
	struct session_line *lines;
	size_t nr;
	bool has_root;
};

static void add_line(struct session *session, char *text, pid_t root)
{
	char *pid = strsep(&text, "\t"), *trace = strsep(&text, "\t"), *report = text;
	size_t i;

	if (!pid || !trace || !report || !*trace)
		return;
	session->has_root |= atoi(pid) == root;
	for (i = 0; i < session->nr; i++)
		if (!strcmp(session->lines[i].trace, trace))
			break;
	if (i == session->nr) {
		session->lines = vmsc_grow(session->lines, ++session->nr, sizeof(*session->lines));
		session->lines[i].trace = vmsc_format("%s", trace);
	} else {
		free(session->lines[i].report);
	}
	session->lines[i].pid = atoi(pid);
	session->lines[i].report = vmsc_format("%s", report);
}

static void read_session(struct session *session, const struct vmsc_recording *recording)
{
	FILE *in = fopen(recording->session, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while (in && (length = getline(&line, &size, in)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		add_line(session, line, recording->pid);
	}
	free(line);
	if (in)
		fclose(in);
}

static void free_session(struct session *session)
{
	size_t i;

	for (i = 0; i < session->nr; i++) {
		free(session->lines[i].trace);
		free(session->lines[i].report);
	}
	free(session->lines);
}

/* Field 22 of /proc/PID/stat: when the process started; 0: there is no such process, or it is dead already.
 */
static uint64_t start_of(uint32_t pid)
{
	char *path = vmsc_format("/proc/%u/stat", pid), text[1024], state = 'X', *after;
	FILE *in = fopen(path, "re");
	uint64_t start = 0;
	size_t n = in ? fread(text, 1, sizeof(text) - 1, in) : 0;

	free(path);
	if (in)
		fclose(in);
	text[n] = '\0';
	after = strrchr(text, ')');
	if (!after ||
	    sscanf(after + 1,
		   " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
		   &state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

/* A daemon that the command left behind goes on writing, and will see to its report itself. */
bool vmsc_trace_still_grows(const char *trace)
{
	struct vmsc_trace_header header;
	int fd = open(trace, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, &header, sizeof(header));
	uint64_t start;

	if (fd >= 0)
		close(fd);
	if (n != (ssize_t)sizeof(header) || memcmp(header.magic, VMSC_TRACE_MAGIC, sizeof(header.magic)) ||
	    header.ended != VMSC_ENDED_NOT)
		return false;
	start = start_of(header.pid);
	return start && start == header.process_started;
}

static bool is_there(const char *path)
{
	struct stat about;

	return !lstat(path, &about) && S_ISREG(about.st_mode) && about.st_size;
}

static void write_reports(const struct session *session, const struct vmsc_recording *recording)
{
	const struct session_line *line;
	size_t i;

	for (i = 0; i < session->nr; i++) {
		line = &session->lines[i];
		if (!*line->report || !is_there(line->trace) || vmsc_trace_still_grows(line->trace))
			continue;
		if (line->pid == recording->pid || !is_there(line->report))
			vmsc_report_save(line->trace, line->report);
	}
}

/* A killed process leaves its trace as it was while it was written: read-only. */
static void make_writable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat about;

	if (fd < 0)
		return;
	if (!fstat(fd, &about) && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
	    (about.st_mode & 07777) == 0400)
		(void)!fchmod(fd, 0600);
	close(fd);
}

static void make_all_writable(const struct session *session)
{
	for (size_t i = 0; i < session->nr; i++) {
		if (!vmsc_trace_still_grows(session->lines[i].trace))
			make_writable(session->lines[i].trace);
	}
}

static void say_if_nothing(const struct session *session, const struct vmsc_recording *recording)
{
	if (session->has_root)
		return;
	if (session->nr)
		vmsc_complain("record: %s itself was not recorded (static, set-uid, or it clears its "
			      "environment); %zu "
			      "other processes were",
			      recording->command[0], session->nr);
	else
		vmsc_complain("record: nothing was recorded: %s loads no LD_PRELOAD library (static or "
			      "set-uid program), runs under valgrind, "
			      "or no trace could be made",
			      recording->command[0]);
}

/* Removes what lies in our folder, but no trace that is still being written. */
static void remove_folder(const struct vmsc_recording *recording)
{
	DIR *folder = opendir(recording->folder);
	struct dirent *entry;
	char *path;

	while (folder && (entry = readdir(folder))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		path = vmsc_format("%s/%s", recording->folder, entry->d_name);
		if (!vmsc_trace_still_grows(path))
			unlink(path);
		free(path);
	}
	if (folder)
		closedir(folder);
	rmdir(recording->folder);
}

void vmsc_recording_finish(struct vmsc_recording *recording)
{
	struct session session = {.nr = 0};

	if (recording->folder) {
		read_session(&session, recording);
		if (recording->report)
			write_reports(&session, recording);
		make_all_writable(&session);
		vmsc_adopt(recording);
		if (recording->pid > 0)
			say_if_nothing(&session, recording);
		remove_folder(recording);
	}
	free_session(&session);
	free(recording->trace);
	free(recording->report);
	free(recording->library);
	free(recording->folder);
	free(recording->session);
	free(recording->rules);
}
