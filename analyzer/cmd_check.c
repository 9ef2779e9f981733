/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "report.h"
#include "say.h"
#include "value.h"

#define SHOWN_DIFFERENCES 100

static void say_result(const struct vmsc_analysis *analysis, const char *path)
{
	const struct vmsc_tally *tally = analysis->tally;
	enum vmsc_verdict verdict = vmsc_analysis_verdict(analysis);
	char *incomplete = vmsc_analysis_incomplete(analysis);
	char *name = vmsc_printable(path, strlen(path));

	printf("%s: %s: %" PRIu64 " calls, %" PRIu64 " mispredicted, %" PRIu64 " outside, %" PRIu64
	       " undetermined; %" PRIu64 " of %zu looks at maps differ\n",
	       name, vmsc_verdict_name(verdict), tally->predicted, tally->mispredicted, tally->outside,
	       tally->undetermined, tally->differing, analysis->nr_checkpoints);
	if (incomplete)
		printf("  incomplete: %s\n", incomplete);
	free(incomplete);
	free(name);
	vmsc_report_write_differences(analysis, stdout, SHOWN_DIFFERENCES);
}

static int check(const char *path, bool json)
{
	struct vmsc_analysis analysis;
	struct vmsc_report report;
	struct vmsc_input input;
	bool differs;
	int status;

	if (!vmsc_input_open(&input, path))
		return VMSC_EXIT_TROUBLE;
	if (json) {
		vmsc_report_open(&report, &input, path);
		vmsc_report_write_json(&report, stdout);
		differs = vmsc_analysis_differs(&report.analysis);
		vmsc_report_close(&report);
	} else {
		vmsc_analysis_run(&analysis, &input, NULL);
		say_result(&analysis, path);
		differs = vmsc_analysis_differs(&analysis);
		vmsc_analysis_free(&analysis);
	}
	status = differs ? VMSC_EXIT_DIFFERS : VMSC_EXIT_GOOD;
	if (vmsc_input_complain_if_damaged(&input))
		status = VMSC_EXIT_TROUBLE;
	vmsc_input_close(&input);
	return vmsc_finish_output(status);
}

int vmsc_check_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool json = false;

	while (vmsc_next_option(argc, argv, "h", options) != -1)
		json = true;
	if (argc - optind != 1)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs one trace");
	return check(argv[optind], json);
}
