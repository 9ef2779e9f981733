/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"
#include "report.h"
#include "say.h"
#include "table.h"

#define PAUSE 20 /* ms between two looks */

/* A trace that is followed. */
struct watched {
	char *trace, *report;
	struct vmsc_live live;
	bool told_many, told_failed;
};

struct watch {
	const struct vmsc_recording *recording;
	struct watched **all;
	size_t nr;
	long session_read; /* bytes of the session file */
};

bool vmsc_watch_parse(const char *text, unsigned int *percent)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*percent = (unsigned int)value;
	return end != text && (!strcmp(end, "") || !strcmp(end, "%")) && value >= 1 && value <= 100 &&
	       *text != '-' && *text != '+';
}

/* --- the reports --- */

/* Beside the trace; where that is not kept beside the report. */
static char *base_of(const struct watch *watch, const struct watched *one)
{
	const char *folder = watch->recording->folder;

	if (strncmp(one->trace, folder, strlen(folder)) || !*one->report)
		return vmsc_format("%s", one->trace);
	return vmsc_format("%s", one->report);
}

static void write_reports(const struct watch *watch, const struct watched *one, const char *why)
{
	uint64_t call = one->live.analysis.nr_calls;
	char *base = base_of(watch, one), *text = vmsc_format("%s.%s.txt", base, why),
	     *json = vmsc_format("%s.%s.json", base, why);

	(void)vmsc_report_save_at(one->trace, text, call, false);
	(void)vmsc_report_save_at(one->trace, json, call, true);
	free(base);
	free(text);
	free(json);
}

static bool is_out_of_memory(const struct vmsc_record *record)
{
	return record->type == VMSC_RECORD_CALL &&
	       ((const struct vmsc_call_record *)record)->result == -ENOMEM;
}

static void look(struct watch *watch, struct watched *one, const struct vmsc_record *record)
{
	const struct vmsc_analysis *analysis = &one->live.analysis;
	uint64_t max = analysis->limits ? analysis->limits->max_map_count : 0, vmas;

	vmas = analysis->history.count[analysis->history.nr_calls];
	if (!one->told_many && max && vmas * 100 >= max * watch->recording->snapshot_at) {
		one->told_many = true;
		write_reports(watch, one, "many");
	}
	if (!one->told_failed && is_out_of_memory(record)) {
		one->told_failed = true;
		write_reports(watch, one, "enomem");
	}
}

/* --- following --- */

static void add_trace(struct watch *watch, const char *trace, const char *report)
{
	struct watched *one;
	size_t i;

	for (i = 0; i < watch->nr; i++)
		if (!strcmp(watch->all[i]->trace, trace))
			return;
	one = vmsc_alloc(sizeof(*one));
	if (!vmsc_live_open(&one->live, trace)) {
		free(one);
		return;
	}
	one->trace = vmsc_format("%s", trace);
	one->report = vmsc_format("%s", report);
	APPEND(watch->all, watch->nr, one);
}

/* Lines that were added since: pid, trace, report. */
static void read_session(struct watch *watch)
{
	FILE *in = fopen(watch->recording->session, "re");
	char *line = NULL, *rest, *trace, *report;
	size_t size = 0;
	ssize_t length;

	if (!in)
		return;
	if (!fseek(in, watch->session_read, SEEK_SET)) {
		while ((length = getline(&line, &size, in)) > 0 && line[length - 1] == '\n') {
			watch->session_read += length;
			line[length - 1] = '\0';
			rest = line;
			(void)strsep(&rest, "\t");
			trace = strsep(&rest, "\t");
			report = rest;
			if (trace && report && *trace)
				add_trace(watch, trace, report);
		}
	}
	free(line);
	fclose(in);
}

static void look_at_all(struct watch *watch)
{
	const struct vmsc_record *record;
	size_t i;

	read_session(watch);
	for (i = 0; i < watch->nr; i++)
		while ((record = vmsc_live_next(&watch->all[i]->live)))
			look(watch, watch->all[i], record);
}

/* Until the launcher closes its end. */
static void run(const struct vmsc_recording *recording, int until)
{
	struct watch watch = {.recording = recording};
	struct pollfd wait = {.fd = until, .events = POLLIN};

	while (!poll(&wait, 1, PAUSE))
		look_at_all(&watch);
	look_at_all(&watch);
	_exit(0);
}

bool vmsc_watch_start(struct vmsc_recording *recording)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC)) {
		vmsc_complain("record: no pipe: %s", strerror(errno));
		return false;
	}
	fflush(NULL);
	recording->watcher = fork();
	if (!recording->watcher) {
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		close(ends[1]);
		run(recording, ends[0]);
	}
	close(ends[0]);
	recording->watcher_end = ends[1];
	if (recording->watcher > 0)
		return true;
	vmsc_complain("record: can't fork: %s", strerror(errno));
	close(ends[1]);
	return false;
}

void vmsc_watch_finish(struct vmsc_recording *recording)
{
	if (recording->watcher <= 0)
		return;
	close(recording->watcher_end);
	while (waitpid(recording->watcher, NULL, 0) < 0 && errno == EINTR)
		;
	recording->watcher = 0;
}
