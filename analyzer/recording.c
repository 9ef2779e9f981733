/* SPDX-License-Identifier: MIT */
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules.h"
#include "say.h"

#define LIBRARY "libvmascope.so"

static char *first_match(const char *pattern)
{
	glob_t found;
	char *path = NULL;

	if (!glob(pattern, 0, NULL, &found) && found.gl_pathc)
		path = realpath(found.gl_pathv[0], NULL);
	globfree(&found);
	return path;
}

/* The folder's name stands for itself, whatever glob() makes of a bracket. */
static char *escaped(const char *name)
{
	char *text = vmsc_alloc(2 * strlen(name) + 1), *out = text;

	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			*out++ = '\\';
		*out++ = *name;
	}
	return text;
}

/* Where an installed library lies relative to the command, then the build tree's way, then beside it. */
static char *find_library(void)
{
	static const char *const places[] = {"../lib/vmascope/" LIBRARY, "../lib/*/vmascope/" LIBRARY,
					     "../lib64/vmascope/" LIBRARY, LIBRARY};
	char self[PATH_MAX], *slash, *folder, *pattern, *found = NULL;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	if (length <= 0)
		return NULL;
	self[length] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	folder = escaped(self);
	for (i = 0; !found && i < sizeof(places) / sizeof(places[0]); i++) {
		pattern = vmsc_format("%s/%s", folder, places[i]);
		found = first_match(pattern);
		free(pattern);
	}
	free(folder);
	return found;
}

static bool set_library(struct vmsc_recording *recording)
{
	recording->library = find_library();
	if (!recording->library) {
		vmsc_complain(
			"record: " LIBRARY
			" is not where it should be, ../lib/vmascope/ from this command; install again");
		return false;
	}
	if (!strpbrk(recording->library, " :"))
		return true;
	vmsc_complain("record: the path of " LIBRARY " has a blank or colon, which LD_PRELOAD can't name: %s",
		      recording->library);
	return false;
}

/* The pattern as a whole path: the program and its children may stand elsewhere. The cwd's own % are doubled.
 */
static char *whole_pattern(const char *pattern)
{
	char cwd[PATH_MAX], doubled[2 * PATH_MAX], *out = doubled;
	const char *in;

	if (pattern[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return vmsc_format("%s", pattern);
	for (in = cwd; *in; in++) {
		*out++ = *in;
		if (*in == '%')
			*out++ = '%';
	}
	*out = '\0';
	return vmsc_format("%s/%s", doubled, pattern);
}

/* Everything of the pattern that stands for itself; NULL when a part of it is not known before. */
static char *plain_path(const char *pattern)
{
	char *path = vmsc_format("%s", pattern), *out = path;

	for (; *pattern; pattern++) {
		if (*pattern == '%' && *++pattern != '%') {
			free(path);
			return NULL;
		}
		*out++ = *pattern;
	}
	*out = '\0';
	return path;
}

/* An earlier recording's file goes; anything else that stands there is left alone and refused. */
static bool clear_place(const char *pattern)
{
	char *path = plain_path(pattern);
	struct stat about;
	bool good = true;

	if (!path)
		return true;
	if (!lstat(path, &about)) {
		good = S_ISREG(about.st_mode) && about.st_uid == geteuid() && !unlink(path);
		if (!good)
			vmsc_complain("record: %s is there and is not a plain file of yours; name another",
				      path);
	}
	free(path);
	return good;
}

/* Processes of root's may become another user's (runuser), and write their traces here then: see adopt.c. */
static bool open_to_others(const struct vmsc_recording *recording)
{
	if (geteuid() || !chmod(recording->folder, 01733))
		return true;
	vmsc_complain("record: can't change the mode of %s: %s", recording->folder, strerror(errno));
	return false;
}

static bool make_folder(struct vmsc_recording *recording)
{
	const char *base = getenv("TMPDIR");
	int fd;

	recording->folder = vmsc_format("%s/vmascope-XXXXXX", base && base[0] == '/' ? base : "/tmp");
	if (!mkdtemp(recording->folder)) {
		vmsc_complain("record: can't make a temporary folder %s: %s", recording->folder,
			      strerror(errno));
		return false;
	}
	recording->session = vmsc_format("%s/session", recording->folder);
	fd = open(recording->session, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		vmsc_complain("record: can't make %s: %s", recording->session, strerror(errno));
		return false;
	}
	close(fd);
	return open_to_others(recording);
}

static char *doubled_percent(const char *text)
{
	char *doubled = vmsc_alloc(2 * strlen(text) + 1), *out = doubled;

	for (; *text; text++) {
		*out++ = *text;
		if (*text == '%')
			*out++ = '%';
	}
	return doubled;
}

/* The directives that make the folder of @pattern differ between processes. */
static void put_directives(FILE *out, const char *pattern, const char *end)
{
	for (; pattern + 1 < end; pattern++) {
		if (*pattern != '%')
			continue;
		pattern++;
		if (strchr("pen", *pattern))
			fprintf(out, "%%%c.", *pattern);
	}
}

/*
 * Where traces lie that nobody asked for: in our folder, under the report's name. So what is done to the name
 * of a trace that is there already (a child's, or of the image before exec) is right for the report's too.
 */
static char *temporary_trace(const struct vmsc_recording *recording)
{
	const char *name = strrchr(recording->report, '/');
	char *folder = doubled_percent(recording->folder), *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		vmsc_out_of_memory();
	fprintf(out, "%s/", folder);
	if (name)
		put_directives(out, recording->report, name);
	fprintf(out, "%s.vmt", name ? name + 1 : recording->report);
	if (fclose(out))
		vmsc_out_of_memory();
	free(folder);
	return text;
}

/* The session file has a line for each trace, with tabs between its words; no folder's name shall add to it.
 */
static bool is_one_word(const char *pattern)
{
	if (!pattern || !strpbrk(pattern, "\t\n"))
		return true;
	vmsc_complain("record: a path with a tab or a line's end in it can't be recorded to: %s", pattern);
	return false;
}

static bool set_places(struct vmsc_recording *recording, const char *trace, const char *report)
{
	if (report) {
		recording->report = whole_pattern(report);
		if (!is_one_word(recording->report) || !clear_place(recording->report))
			return false;
	}
	recording->keeps_trace = trace || !report;
	if (recording->keeps_trace) {
		recording->trace = whole_pattern(trace ? trace : "vmascope.%e.%p.vmt");
		return is_one_word(recording->trace) && clear_place(recording->trace);
	}
	recording->trace = temporary_trace(recording);
	return is_one_word(recording->trace);
}

bool vmsc_recording_prepare(struct vmsc_recording *recording)
{
	const char *trace = recording->trace, *report = recording->report;

	recording->trace = recording->report = NULL;
	if (!set_library(recording) || !make_folder(recording) || !set_places(recording, trace, report))
		return false;
	if (!getenv("VMASCOPE_RULES"))
		recording->rules = vmsc_rules_text(vmsc_rules_of_this_kernel());
	return true;
}
