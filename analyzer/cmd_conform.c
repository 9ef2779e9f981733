/* SPDX-License-Identifier: MIT */
/*
 * vmascope conform: the calls of JSON Lines, made for real, and the model's opinion of each.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "callform.h"
#include "cases.h"
#include "command.h"
#include "conform.h"
#include "rules.h"
#include "say.h"
#include "script.h"
#include "vmascope/replay.h"

/* The text of the differing or impossible step; the caller frees it. */
static char *where(const struct vmsc_script *script, size_t index)
{
	char *text = vmsc_step_to_text(&script->steps[index]), *all;

	if (index < script->nr_begin)
		all = vmsc_format("setting up, step %zu: %s", index + 1, text);
	else
		all = vmsc_format("line %zu, step %zu: %s", script->lines[index],
				  index + 1 - script->nr_begin, text);
	free(text);
	return all;
}

static int say_result(const char *path, const struct vmsc_script *script, const struct vmsc_conform *done)
{
	char *text;

	if (done->verdict == VMSC_TRIAL_SAME) {
		printf("%s: same: %zu steps, %zu VMAs at the end", path, script->nr - script->nr_begin,
		       done->vmas);
		if (script->left_out || done->placed)
			printf(" (%" PRIu64 " left out, %" PRIu64 " put where they were recorded)",
			       script->left_out, done->placed);
		putchar('\n');
		return VMSC_EXIT_GOOD;
	}
	text = done->at < script->nr ? where(script, done->at) : vmsc_format("beginning");
	if (done->verdict == VMSC_TRIAL_DIFFERS)
		printf("%s: differs: %s: %s%s\n", path, text, done->why,
		       done->told ? " (told the results)" : "");
	else
		vmsc_complain("%s: %s: %s", path, text, done->why);
	free(text);
	return done->verdict == VMSC_TRIAL_DIFFERS ? VMSC_EXIT_DIFFERS : VMSC_EXIT_TROUBLE;
}

struct tally {
	size_t same, rules_only, skipped, differing, bad;
};

static void run_case(struct tally *tally, const char *path, size_t number, const json_t *line,
		     vmsc_rules_t rules)
{
	const char *name = json_string_value(json_object_get(line, "case"));
	char *why;

	switch (vmsc_case_run(line, rules, &why)) {
	case VMSC_CASE_SAME:
		tally->same++;
		break;
	case VMSC_CASE_RULES_ONLY:
		tally->rules_only++;
		break;
	case VMSC_CASE_SKIPPED:
		tally->skipped++;
		break;
	case VMSC_CASE_DIFFERS:
		tally->differing++;
		printf("%s: line %zu: differs: %s: %s\n", path, number, name, why);
		break;
	case VMSC_CASE_BAD:
		tally->bad++;
		vmsc_complain("%s: line %zu: %s: %s", path, number, name ? name : "no name", why);
		break;
	}
	free(why);
}

/* A corpus: each line is a case of its own. */
static int conform_cases(const char *path, const char *text, vmsc_rules_t rules)
{
	struct tally tally = {0};
	size_t number = 1;

	for (; *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : text + strlen(text), number++) {
		json_error_t error;
		json_t *line = json_loadb(text, strcspn(text, "\n"), JSON_REJECT_DUPLICATES, &error);

		if (line)
			run_case(&tally, path, number, line, rules);
		else
			vmsc_complain("%s: line %zu: no JSON: %s", path, number, error.text);
		tally.bad += !line;
		json_decref(line);
	}
	printf("%s: %zu cases same, %zu as the kernel's rules say, which are not its release's, %zu skipped, "
	       "%zu differ\n",
	       path, tally.same, tally.rules_only, tally.skipped, tally.differing);
	return tally.bad ? VMSC_EXIT_TROUBLE : tally.differing ? VMSC_EXIT_DIFFERS : VMSC_EXIT_GOOD;
}

static int conform_script(const char *path, const char *text, size_t size, vmsc_rules_t rules)
{
	struct vmsc_script script;
	struct vmsc_conform done;
	int status = VMSC_EXIT_TROUBLE;
	const char *what;
	char *why;

	vmsc_script_init(&script);
	if (!vmsc_script_read(&script, text, size, &why)) {
		vmsc_complain("%s: %s", path, why);
		free(why);
	} else if (!vmsc_files_open(&script.files, &what)) {
		vmsc_complain("%s: %s", path, what);
		vmsc_files_close(&script.files);
	} else {
		vmsc_conform_run(&script, rules, &done);
		status = say_result(path, &script, &done);
		free(done.results);
		vmsc_files_close(&script.files);
	}
	vmsc_script_free(&script);
	return status;
}

/* All of a file, with a NUL behind it. NULL after one line on stderr. */
static char *read_text(const char *path, size_t *size)
{
	FILE *in = !strcmp(path, "-") ? stdin : fopen(path, "re");
	size_t room = 1 << 16, n = 0;
	char *text = NULL;

	if (!in) {
		vmsc_complain("%s: can't open: %s", path, strerror(errno));
		return NULL;
	}
	do {
		text = vmsc_grow(text, room *= 2, 1);
		n += fread(text + n, 1, room - n - 1, in);
	} while (n == room - 1);
	text[n] = 0;
	*size = n;
	if (ferror(in)) {
		vmsc_complain("%s: can't read: %s", path, strerror(errno));
		free(text);
		text = NULL;
	}
	if (in != stdin)
		fclose(in);
	return text;
}

static int conform_file(const char *path, vmsc_rules_t rules)
{
	size_t size;
	char *text = read_text(path, &size);
	int status = VMSC_EXIT_TROUBLE;

	if (text && !strncmp(text, "{\"case\"", 7))
		status = conform_cases(path, text, rules);
	else if (text)
		status = conform_script(path, text, size, rules);
	free(text);
	return status;
}

int vmsc_conform_main(int argc, char **argv)
{
	static const struct option options[] = {{"rules", required_argument, NULL, 'r'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	vmsc_rules_t rules = 0;
	bool has_rules = false;
	int status = VMSC_EXIT_GOOD, one;

	while (vmsc_next_option(argc, argv, "h", options) != -1) {
		if (!vmsc_take_rules(optarg, &rules))
			return VMSC_EXIT_TROUBLE;
		has_rules = true;
	}
	if (optind == argc)
		return vmsc_usage(VMSC_EXIT_TROUBLE,
				  "needs JSON Lines, as `vmascope export --format=jsonl` writes them");
	if (!has_rules)
		rules = vmsc_rules_of_this_kernel();
	for (; optind < argc; optind++) {
		one = conform_file(argv[optind], rules);
		status = one > status ? one : status;
	}
	return vmsc_finish_output(status);
}
