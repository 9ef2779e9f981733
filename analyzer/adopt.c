/* SPDX-License-Identifier: MIT */
#include "adopt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "report.h"
#include "say.h"
#include "vmascope/trace.h"

/* The folder of what @pattern makes; where that depends on the process, the last one that does not. */
static char *plain_folder(const char *pattern)
{
	char *folder = vmsc_format("%s", pattern), *out = folder, *end = folder;

	for (; *pattern; pattern++) {
		if (*pattern == '%' && *++pattern != '%')
			break;
		if (*pattern == '/')
			end = out;
		*out++ = *pattern;
	}
	*end = '\0';
	return folder;
}

static bool copy(int from, FILE *out)
{
	ssize_t n;

	do
		n = sendfile(fileno(out), from, NULL, 1 << 20);
	while (n > 0);
	return !n;
}

static void keep_trace(const struct vmsc_recording *recording, const char *name, int from)
{
	char *folder = plain_folder(recording->trace), *path = vmsc_format("%s/%s", folder, name);
	FILE *out = vmsc_output_create(path);
	bool good = out && copy(from, out);

	if (out && fclose(out))
		good = false;
	if (!good)
		vmsc_complain("%s: can't keep the trace of another user's process: %s", path,
			      strerror(errno));
	free(path);
	free(folder);
}

/* "r.json.12.as99" of the trace "r.json.vmt.12.as99" that nobody asked for; beside a kept trace its name and
 * ".json". */
static char *report_name(const struct vmsc_recording *recording, const char *trace)
{
	const char *end = recording->keeps_trace ? NULL : strstr(trace, ".vmt.");

	return end ? vmsc_format("%.*s%s", (int)(end - trace), trace, end + strlen(".vmt"))
		   : vmsc_format("%s.json", trace);
}

static void report(const struct vmsc_recording *recording, const char *name, const char *trace,
		   const struct stat *owner)
{
	char *folder = plain_folder(recording->report), *end = report_name(recording, name),
	     *path = vmsc_format("%s/%s", folder, end);

	vmsc_report_save_as(trace, path, owner);
	free(path);
	free(end);
	free(folder);
}

static bool is_trace(int fd, const struct stat *about)
{
	char magic[sizeof(VMSC_TRACE_MAGIC) - 1];

	return S_ISREG(about->st_mode) && about->st_uid != geteuid() && about->st_nlink == 1 &&
	       pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       !memcmp(magic, VMSC_TRACE_MAGIC, sizeof(magic));
}

static void adopt(const struct vmsc_recording *recording, const char *name)
{
	char *path = vmsc_format("%s/%s", recording->folder, name);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat about;

	if (fd >= 0 && !fstat(fd, &about) && is_trace(fd, &about) && !vmsc_trace_still_grows(path)) {
		if (recording->keeps_trace)
			keep_trace(recording, name, fd);
		if (recording->report)
			report(recording, name, path, &about);
	}
	if (fd >= 0)
		close(fd);
	free(path);
}

void vmsc_adopt(const struct vmsc_recording *recording)
{
	DIR *folder = opendir(recording->folder);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (strstr(entry->d_name, ".as"))
			adopt(recording, entry->d_name);
	if (folder)
		closedir(folder);
}
