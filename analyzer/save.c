/* SPDX-License-Identifier: MIT */
/*
 * Puts a report where it shall be: first beside its place under another name, so that nobody ever reads half
 * of one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "report.h"
#include "say.h"

/* What is to be said: of the whole trace, or as it was after a call. */
struct wish {
	uint64_t stop_after;
	bool json;
};

static bool write_report(const char *trace, const struct wish *wish, FILE *out, bool *written)
{
	struct vmsc_report report;
	struct vmsc_input input;

	if (!vmsc_input_open(&input, trace))
		return false;
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
	const struct wish wish = {.stop_after = UINT64_MAX, .json = true};

	return save(trace, path, &wish);
}

bool vmsc_report_save_at(const char *trace, const char *path, uint64_t call, bool json)
{
	const struct wish wish = {.stop_after = call, .json = json};

	return save(trace, path, &wish);
}
