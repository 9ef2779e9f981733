/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "recording.h"
#include "report.h"
#include "say.h"

static bool report(const char *path, bool json)
{
	struct vmsc_analysis analysis;
	struct vmsc_input input;
	bool damaged;

	if (!vmsc_input_open(&input, path))
		return false;
	vmsc_analysis_run(&analysis, &input, NULL);
	if (json)
		vmsc_report_write_json(&analysis, stdout);
	else
		vmsc_report_write_text(&analysis, path, stdout);
	damaged = vmsc_input_complain_if_damaged(&input);
	vmsc_analysis_free(&analysis);
	vmsc_input_close(&input);
	return !damaged;
}

int vmsc_report_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option, i, status = VMSC_EXIT_GOOD;
	bool json = false;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1) {
		if (option == '?')
			return VMSC_EXIT_TROUBLE;
		if (option == 'h')
			return vmsc_help();
		json = true;
	}
	if (optind == argc)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs a trace");
	for (i = optind; i < argc; i++) {
		if (i > optind && !json)
			puts("\n");
		if (!report(argv[i], json))
			status = VMSC_EXIT_TROUBLE;
	}
	return vmsc_finish_output(status);
}

int vmsc_write_report_main(int argc, char **argv)
{
	static const struct option options[] = {{"remove-trace", no_argument, NULL, 'r'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool remove = false;
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1) {
		if (option == '?')
			return VMSC_EXIT_TROUBLE;
		if (option == 'h')
			return vmsc_help();
		remove = true;
	}
	if (argc - optind != 2)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs a trace and the report's place");
	if (!strncmp(argv[optind + 1], VMSC_NO_REPORT, strlen(VMSC_NO_REPORT)))
		return VMSC_EXIT_GOOD;
	if (!vmsc_report_save(argv[optind], argv[optind + 1]))
		return VMSC_EXIT_TROUBLE;
	if (remove && unlink(argv[optind]))
		vmsc_complain("%s: can't remove", argv[optind]);
	return VMSC_EXIT_GOOD;
}
