/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "input.h"
#include "lines.h"
#include "say.h"

static int export(const char *path, const char *output)
{
	struct vmsc_input input;
	FILE *out = stdout;
	int status = VMSC_EXIT_GOOD;

	if (!vmsc_input_open(&input, path))
		return VMSC_EXIT_TROUBLE;
	if (output && !(out = fopen(output, "we"))) {
		vmsc_complain("%s: can't write: %s", output, strerror(errno));
		vmsc_input_close(&input);
		return VMSC_EXIT_TROUBLE;
	}
	vmsc_lines_write(&input.trace, out);
	if (vmsc_input_complain_if_damaged(&input))
		status = VMSC_EXIT_TROUBLE;
	vmsc_input_close(&input);
	if (out == stdout)
		return vmsc_finish_output(status);
	if (ferror(out) | fclose(out)) {
		vmsc_complain("%s: can't write: %s", output, strerror(errno));
		return VMSC_EXIT_TROUBLE;
	}
	return status;
}

int vmsc_export_main(int argc, char **argv)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'},
						{"output", required_argument, NULL, 'o'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *format = NULL, *output = NULL;
	int option;

	while ((option = vmsc_next_option(argc, argv, "ho:", options)) != -1) {
		if (option == '?')
			return VMSC_EXIT_TROUBLE;
		if (option == 'h')
			return vmsc_help();
		if (option == 'f')
			format = optarg;
		else
			output = optarg;
	}
	if (argc - optind != 1)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs one trace");
	if (!format)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs --format=jsonl");
	if (strcmp(format, "jsonl"))
		return vmsc_usage(VMSC_EXIT_TROUBLE, "format %s is not known", format);
	return export(argv[optind], output);
}
