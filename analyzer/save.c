/* SPDX-License-Identifier: MIT */
/*
 * Puts a report where it shall be: first beside its place under another name, so that nobody ever reads half
 * of one.
 */
#include <errno.h>
#include <stdlib.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output.h"
#include "report.h"
#include "say.h"

/* What is to be said: of the whole trace, or as it was after a call. */
struct wish {
	uint64_t stop_after;
	bool json;
	uint64_t started; /* of the trace that is meant; 0: whichever lies there */
};

static bool write_report(const char *trace, const struct wish *wish, FILE *out, bool *written)
{
	struct vmsc_report report;
	struct vmsc_input input;

	if (!vmsc_input_open(&input, trace))
		return false;
	if (wish->started && vmsc_trace_header(&input.trace)->started != wish->started) {
		vmsc_complain("%s: is not the trace that was recorded here; another file has its name", trace);
		vmsc_input_close(&input);
		return false;
	}
	vmsc_report_open_at(&report, &input, trace, wish->stop_after);
	if (wish->json) {
		*written = vmsc_report_write_json(&report, out);
	} else {
		vmsc_report_write_text(&report, out);
		*written = !fflush(out) && !ferror(out);
	}
	vmsc_report_close(&report);
	vmsc_input_close(&input);
	return true;
}

static bool save(const char *trace, const char *path, const struct wish *wish)
{
	bool special = vmsc_output_is_special(path), written = false, read;
	char *beside = special ? vmsc_format("%s", path) : vmsc_format("%s.%d.part", path, getpid());
	FILE *out;
	int err = 0;

	if (!special)
		unlink(beside);
	out = special ? vmsc_output_open(beside) : vmsc_output_create(beside);
	if (!out) {
		vmsc_complain("%s: can't write the report: %s", path, strerror(errno));
		free(beside);
		return false;
	}
	read = write_report(trace, wish, out, &written);
	if (fclose(out) || !written || (!special && rename(beside, path)))
		err = errno ? errno : EIO;
	if (read && err)
		vmsc_complain("%s: can't write the report: %s", path, strerror(err));
	if (err && !special)
		unlink(beside);
	free(beside);
	return read && !err;
}

bool vmsc_report_save(const char *trace, const char *path)
{
	return vmsc_report_save_of(trace, path, 0);
}

bool vmsc_report_save_of(const char *trace, const char *path, uint64_t started)
{
	const struct wish wish = {.stop_after = UINT64_MAX, .json = true, .started = started};

	return save(trace, path, &wish);
}

/* With no rights but those of whoever wrote the trace. */
static bool become(const struct stat *owner)
{
	return !setgroups(0, NULL) && !setresgid(owner->st_gid, owner->st_gid, owner->st_gid) &&
	       !setresuid(owner->st_uid, owner->st_uid, owner->st_uid);
}

static void save_as(const char *trace, FILE *out, const struct stat *owner)
{
	const struct wish wish = {.stop_after = UINT64_MAX, .json = true};
	bool written = false;

	if (become(owner) && write_report(trace, &wish, out, &written) && written && !fclose(out))
		_exit(VMSC_EXIT_GOOD);
	_exit(VMSC_EXIT_TROUBLE);
}

bool vmsc_report_save_as(const char *trace, const char *path, const struct stat *owner)
{
	FILE *out = vmsc_output_create(path);
	int status = -1;
	pid_t pid;

	if (!out) {
		vmsc_complain("%s: can't write the report: %s", path, strerror(errno));
		return false;
	}
	pid = fork();
	if (!pid)
		save_as(trace, out, owner);
	fclose(out);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && !status)
		return true;
	vmsc_complain("%s: can't write the report of user %u's process", path, owner->st_uid);
	unlink(path);
	return false;
}

bool vmsc_report_save_at(const char *trace, const char *path, uint64_t call, bool json)
{
	const struct wish wish = {.stop_after = call, .json = json};

	return save(trace, path, &wish);
}
