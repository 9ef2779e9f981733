/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "command.h"
#include "rules.h"
#include "say.h"
#include "value.h"

static const char *source_of(const struct vmsc_found_rules *found, unsigned int rule)
{
	if (found->evidence[rule].finding != VMSC_FOUND_NOTHING)
		return "experiment";
	return found->release_known ? "release" : "default";
}

static const char *sentence_of(const struct vmsc_found_rules *found, unsigned int rule)
{
	if (found->evidence[rule].text[0])
		return found->evidence[rule].text;
	return "not tried, as its release has it";
}

static void write_json(const struct vmsc_found_rules *found, const struct utsname *kernel)
{
	json_t *all = json_object(), *rules = json_array(), *one;
	unsigned int rule;

	vmsc_json_put(all, "schema", json_string("vmascope.kernel/1"));
	vmsc_json_put(all, "kernel", json_string(kernel->release));
	vmsc_json_put(all, "version", json_string(kernel->version));
	vmsc_json_put(all, "machine", json_string(kernel->machine));
	for (rule = 0; rule < VMSC_NR_RULES; rule++) {
		one = json_object();
		vmsc_json_put(one, "name", json_string(vmsc_rule_name(rule)));
		vmsc_json_put(one, "holds", json_boolean(found->rules & VMSC_RULE_BIT(rule)));
		vmsc_json_put(one, "by_release", json_boolean(found->by_release & VMSC_RULE_BIT(rule)));
		vmsc_json_put(one, "source", json_string(source_of(found, rule)));
		vmsc_json_put(one, "evidence", vmsc_json_text(sentence_of(found, rule)));
		vmsc_json_append(rules, one);
	}
	vmsc_json_put(all, "rules", rules);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static void write_text(const struct vmsc_found_rules *found, const struct utsname *kernel)
{
	unsigned int rule, other = 0;
	bool holds, differs;

	printf("Linux %s (%s)\n\n", kernel->release, kernel->machine);
	for (rule = 0; rule < VMSC_NR_RULES; rule++) {
		holds = found->rules & VMSC_RULE_BIT(rule);
		differs = holds != !!(found->by_release & VMSC_RULE_BIT(rule));
		other += differs;
		printf("%c %-3s  %-26s  %-10s  %s\n", differs ? '*' : ' ', holds ? "yes" : "no",
		       vmsc_rule_name(rule), source_of(found, rule), sentence_of(found, rule));
	}
	if (other)
		printf("\n* not as its release has it: a backport, or a matter of configuration\n");
}

int vmsc_kernel_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct vmsc_found_rules found;
	struct utsname kernel;
	bool json = false;

	while (vmsc_next_option(argc, argv, "h", options) != -1)
		json = true;
	if (optind != argc)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "takes no arguments");
	if (uname(&kernel)) {
		vmsc_complain("uname fails");
		return VMSC_EXIT_TROUBLE;
	}
	vmsc_rules_find(&found);
	if (json)
		write_json(&found, &kernel);
	else
		write_text(&found, &kernel);
	return vmsc_finish_output(VMSC_EXIT_GOOD);
}
