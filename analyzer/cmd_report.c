/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "output.h"
#include "page.h"
#include "recording.h"
#include "report.h"
#include "say.h"
#include "value.h"

/* The processes of a tree; those that can't be read are left out. */
struct family {
	struct vmsc_input *inputs;
	struct vmsc_report *reports;
	size_t nr;
	int status;
};

static void read_family(struct family *family, char **paths, size_t nr)
{
	size_t i;

	family->inputs = vmsc_alloc(nr * sizeof(*family->inputs));
	family->reports = vmsc_alloc(nr * sizeof(*family->reports));
	for (i = 0; i < nr; i++) {
		struct vmsc_input *input = &family->inputs[family->nr];

		if (!vmsc_input_open(input, paths[i])) {
			family->status = VMSC_EXIT_TROUBLE;
			continue;
		}
		vmsc_report_open(&family->reports[family->nr++], input, paths[i]);
		if (vmsc_input_complain_if_damaged(input))
			family->status = VMSC_EXIT_TROUBLE;
	}
}

static bool write_page(struct family *family, const char *path)
{
	FILE *out = family->nr == 1 ? vmsc_output_open(path) : NULL;

	if (family->nr != 1)
		return false;
	if (!out) {
		vmsc_complain("%s: can't write: %s", path, strerror(errno));
		return false;
	}
	vmsc_page_write(&family->reports[0], &family->inputs[0], out);
	if (ferror(out) | fclose(out)) {
		vmsc_complain("%s: can't write: %s", path, strerror(errno));
		return false;
	}
	return true;
}

static void free_family(struct family *family)
{
	size_t i;

	for (i = 0; i < family->nr; i++) {
		vmsc_report_close(&family->reports[i]);
		vmsc_input_close(&family->inputs[i]);
	}
	free(family->inputs);
	free(family->reports);
}

static void write_text(const struct family *family)
{
	size_t i;

	if (family->nr > 1)
		vmsc_report_write_tree(family->reports, family->nr, stdout);
	for (i = 0; i < family->nr; i++) {
		if (family->nr > 1)
			puts("\n");
		vmsc_report_write_text(&family->reports[i], stdout);
	}
}

static void write_json(const struct family *family, bool many)
{
	json_t *object, *array;
	size_t i;

	if (!many) {
		if (family->nr)
			vmsc_report_write_json(&family->reports[0], stdout);
		return;
	}
	object = json_object();
	array = json_array();
	for (i = 0; i < family->nr; i++)
		vmsc_json_append(array, vmsc_report_json(&family->reports[i]));
	vmsc_json_put(object, "schema", json_string("vmascope.reports/1"));
	vmsc_json_put(object, "reports", array);
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
}

int vmsc_report_main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"summary", no_argument, NULL, 's'},
						{"label", required_argument, NULL, 'l'},
						{"html", required_argument, NULL, 'H'},
						VMSC_SYMBOL_OPTIONS,
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct family family = {.status = VMSC_EXIT_GOOD};
	bool json = false, summary = false;
	const char *label = NULL, *page = NULL;
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1) {
		if (option == 's')
			summary = true;
		else if (option == 'l')
			label = optarg;
		else if (option == 'H')
			page = optarg;
		else if (!vmsc_take_symbol_option(option))
			json = true;
	}
	if (optind == argc)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs a trace");
	if (summary)
		return vmsc_summarize(argv + optind, (size_t)(argc - optind), label);
	if (page && (json || argc - optind != 1))
		return vmsc_usage(VMSC_EXIT_TROUBLE, "--html goes with one trace and without --json");
	read_family(&family, argv + optind, (size_t)(argc - optind));
	if (page) {
		if (!write_page(&family, page))
			family.status = VMSC_EXIT_TROUBLE;
	} else if (json)
		write_json(&family, argc - optind > 1);
	else
		write_text(&family);
	free_family(&family);
	return vmsc_finish_output(family.status);
}

int vmsc_write_report_main(int argc, char **argv)
{
	static const struct option options[] = {{"remove-trace", no_argument, NULL, 'r'},
						{"started", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	uint64_t started = 0;
	bool remove = false;
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1) {
		remove |= option == 'r';
		if (option == 's')
			started = strtoull(optarg, NULL, 10);
	}
	if (argc - optind != 2)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs a trace and the report's place");
	if (!strncmp(argv[optind + 1], VMSC_NO_REPORT, strlen(VMSC_NO_REPORT)))
		return VMSC_EXIT_GOOD;
	if (!vmsc_report_save_of(argv[optind], argv[optind + 1], started))
		return VMSC_EXIT_TROUBLE;
	if (remove && unlink(argv[optind]))
		vmsc_complain("%s: can't remove", argv[optind]);
	return VMSC_EXIT_GOOD;
}
