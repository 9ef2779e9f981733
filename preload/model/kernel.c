/* SPDX-License-Identifier: MIT */
/*
 * kernel.c - the tables of kernel.h: names of vm_flags, and which release follows which rules; the names of
 * the model's enumerations. The only place that compares release numbers.
 */
#include "internal.h"

struct flag_name {
	const char *name, *code;
};

/* clang-format off */
static const struct flag_name flag_names[64] = {
#define X(flag, bit, code) [bit] = { #flag, code },
	VMSC_VM_FLAGS(X)
#undef X
};

struct rule {
	const char *name;
	unsigned char from_major, from_minor, to_major, to_minor;
};

static const struct rule rule_table[VMSC_NR_RULES] = {
#define X(rule, text, from_major, from_minor, to_major, to_minor)                                                      \
	[VMSC_RULE_##rule] = { text, from_major, from_minor, to_major, to_minor },
	VMSC_RULES(X)
#undef X
};

static const char *const refusal_names[VMSC_NR_REFUSALS] = {
#define X(refusal, text) [VMSC_REFUSED_##refusal] = text,
	VMSC_REFUSALS(X)
#undef X
};

static const char *const caller_names[VMSC_NR_MERGE_CALLERS] = {
#define X(caller, text) [VMSC_MERGE_BY_##caller] = text,
	VMSC_MERGE_CALLERS(X)
#undef X
};
/* clang-format on */

_Static_assert(VMSC_NR_RULES <= 64, "a set of rules is one word");

const char *vmsc_vm_flag_code(unsigned int bit)
{
	return bit < 64 ? flag_names[bit].code : NULL;
}

const char *vmsc_vm_flag_name(unsigned int bit)
{
	return bit < 64 ? flag_names[bit].name : NULL;
}

uint64_t vmsc_vm_flag_of_code(const char *code)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		if (flag_names[bit].code && !memcmp(flag_names[bit].code, code, 2))
			return UINT64_C(1) << bit;
	}
	return 0;
}

static bool is_before(unsigned int major, unsigned int minor, unsigned int than_major,
		      unsigned int than_minor)
{
	return major < than_major || (major == than_major && minor < than_minor);
}

vmsc_rules_t vmsc_rules_of_release(unsigned int major, unsigned int minor)
{
	vmsc_rules_t rules = 0;

	for (unsigned int i = 0; i < VMSC_NR_RULES; i++) {
		const struct rule *rule = &rule_table[i];
		bool ended = (rule->to_major || rule->to_minor) &&
			     !is_before(major, minor, rule->to_major, rule->to_minor);

		if (!is_before(major, minor, rule->from_major, rule->from_minor) && !ended)
			rules |= VMSC_RULE_BIT(i);
	}
	return rules;
}

/* Reads digits at *text; false when there are none or too many. */
static bool read_number(const char **text, unsigned int *number)
{
	const char *at = *text;

	*number = 0;
	while (*at >= '0' && *at <= '9' && *number < 10000)
		*number = *number * 10 + (unsigned int)(*at++ - '0');
	if (at == *text)
		return false;
	*text = at;
	return true;
}

int vmsc_rules_of_string(const char *release, vmsc_rules_t *rules)
{
	unsigned int major, minor;

	if (!read_number(&release, &major) || *release++ != '.' || !read_number(&release, &minor))
		return -EINVAL;
	*rules = vmsc_rules_of_release(major, minor);
	return 0;
}

const char *vmsc_rule_name(unsigned int rule)
{
	return rule < VMSC_NR_RULES ? rule_table[rule].name : NULL;
}

const char *vmsc_refusal_name(unsigned int refusal)
{
	return refusal < VMSC_NR_REFUSALS ? refusal_names[refusal] : NULL;
}

const char *vmsc_merge_caller_name(unsigned int caller)
{
	return caller < VMSC_NR_MERGE_CALLERS ? caller_names[caller] : NULL;
}
