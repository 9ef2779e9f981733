/* SPDX-License-Identifier: MIT */
/*
 * command.h - the commands of vmascope. Each gets its own name as argv[0] and returns the exit status.
 */
#ifndef VMSC_ANALYZER_COMMAND_H
#define VMSC_ANALYZER_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "vmascope/kernel.h"

struct vmsc_command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;   /* NULL: not shown, for the library's own use */
	const char *help;      /* what the options mean */
	int (*run)(int argc, char **argv);
	void (*help_more)(FILE *out); /* behind @help; NULL: nothing */
};

int vmsc_check_main(int argc, char **argv);
int vmsc_conform_main(int argc, char **argv);
int vmsc_diff_main(int argc, char **argv);
int vmsc_export_main(int argc, char **argv);
int vmsc_fuzz_main(int argc, char **argv);
int vmsc_kernel_main(int argc, char **argv);
int vmsc_merge_main(int argc, char **argv);
int vmsc_record_main(int argc, char **argv);
int vmsc_replay_main(int argc, char **argv);
int vmsc_report_main(int argc, char **argv);
int vmsc_top_main(int argc, char **argv);
int vmsc_why_main(int argc, char **argv);
int vmsc_write_report_main(int argc, char **argv);

/* A summary of each trace, a line each. Returns the exit status. */
int vmsc_summarize(char **paths, size_t nr, const char *label);
/* `vmascope --version`. */
int vmsc_version(void);
/* Says on stderr that the arguments make no sense. Returns @status. */
int vmsc_usage(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next option; -1: there is none. --help, and one that is not known, end the process. */
int vmsc_next_option(int argc, char **argv, const char *letters, const struct option *options);
/* Options of the commands that name functions, and what they mean. */
#define VMSC_SYMBOL_OPTIONS                                                                                  \
	{"sysroot", required_argument, NULL, 'S'},                                                           \
	{                                                                                                    \
		"debug-path", required_argument, NULL, 'D'                                                   \
	}
bool vmsc_take_symbol_option(int option);
/* --rules=NAMES. False after one line on stderr: one is not known. */
bool vmsc_take_rules(const char *names, vmsc_rules_t *rules);
/* Was all output written? Otherwise VMSC_EXIT_TROUBLE after a line on stderr. */
int vmsc_finish_output(int status);

#endif
