/* SPDX-License-Identifier: MIT */
/* `vmascope --version`: the version, and the rule sets that the model has. */
#include <stdio.h>

#include "command.h"
#include "say.h"
#include "vmascope/kernel.h"
#include "vmascope/trace.h"

static void print_changes(vmsc_rules_t rules, char sign)
{
	unsigned int rule;

	for (rule = 0; rule < VMSC_NR_RULES; rule++)
		if (rules & VMSC_RULE_BIT(rule))
			printf(" %c%s", sign, vmsc_rule_name(rule));
}

/* Rules that hang on a kernel's configuration belong to no release; they are named last. */
static void print_rule_sets(void)
{
	static const unsigned int releases[][2] = {{6, 1}, {6, 6}, {6, 12}, {6, 18}, {7, 0}};
	vmsc_rules_t before = 0, ever = 0, rules;
	unsigned int minor;
	size_t i;

	puts("rule sets, each by what it changes in the one before:");
	for (i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
		rules = vmsc_rules_of_release(releases[i][0], releases[i][1]);
		printf("  %u.%u%s", releases[i][0], releases[i][1], releases[i][1] < 10 ? " " : "");
		print_changes(rules & ~before, '+');
		print_changes(before & ~rules, '-');
		putchar('\n');
		before = rules;
	}
	for (minor = 1; minor < 20; minor++)
		ever |= vmsc_rules_of_release(6, minor);
	ever |= before;
	printf("  by experiment only:");
	print_changes((VMSC_RULE_BIT(VMSC_NR_RULES) - 1) & ~ever, '+');
	putchar('\n');
}

int vmsc_version(void)
{
	printf("vmascope %s\ntrace format %d; rules of Linux 6.1 to 7.0\n", VMSC_VERSION, VMSC_TRACE_VERSION);
	print_rule_sets();
	return vmsc_finish_output(VMSC_EXIT_GOOD);
}
