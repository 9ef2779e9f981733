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

static bool write_report(const char *trace, FILE *out, bool *written)
{
	struct vmsc_report report;
	struct vmsc_input input;

	if (!vmsc_input_open(&input, trace))
		return false;
	vmsc_report_open(&report, &input, trace);
	*written = vmsc_report_write_json(&report, out);
	vmsc_report_close(&report);
	vmsc_input_close(&input);
	return true;
}

bool vmsc_report_save(const char *trace, const char *path)
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
	read = write_report(trace, out, &written);
	if (fclose(out) || !written || (!special && rename(beside, path)))
		err = errno ? errno : EIO;
	if (read && err)
		vmsc_complain("%s: can't write the report: %s", path, strerror(err));
	if (err && !special)
		unlink(beside);
	free(beside);
	return read && !err;
}
