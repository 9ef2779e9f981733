/* SPDX-License-Identifier: MIT */
/*
 * convert.c - records in the model's terms, and the names of what the replay tells.
 */
#include "internal.h"

void vmsc_call_from_record(struct vmsc_call *call, const struct vmsc_call_record *record,
			   const struct vmsc_extra_record *extra)
{
	memset(call, 0, sizeof(*call));
	call->nr = record->nr;
	call->has_result = true;
	call->result = record->result;
	vmsc_call_args(record, call->args);
	if (!extra)
		return;
	call->file = extra->file;
	call->name = extra->name;
	call->policy = extra->policy;
	call->uffd = extra->uffd;
	call->size = extra->size;
	call->range_start = extra->range_start;
	call->range_end = extra->range_end;
	call->mode = extra->mode;
}

static vmsc_rules_t rule_of_name(const char *name, size_t length)
{
	for (unsigned int rule = 0; rule < VMSC_NR_RULES; rule++) {
		const char *known = vmsc_rule_name(rule);

		if (strlen(known) == length && !memcmp(known, name, length))
			return VMSC_RULE_BIT(rule);
	}
	return 0;
}

vmsc_rules_t vmsc_rules_of_names(const char *names, size_t length, size_t *unknown)
{
	vmsc_rules_t rules = 0, rule;
	size_t begin, end;

	*unknown = 0;
	for (begin = 0; begin < length; begin = end + 1) {
		for (end = begin; end < length && names[end] != ' ';)
			end++;
		if (end == begin)
			continue;
		rule = rule_of_name(names + begin, end - begin);
		rules |= rule;
		*unknown += !rule;
	}
	return rules;
}

const char *vmsc_difference_name(unsigned int kind)
{
	static const char *const names[VMSC_NR_DIFFERENCES] = {
#define X(name, text) text,
		VMSC_DIFFERENCES(X)
#undef X
	};

	return kind < VMSC_NR_DIFFERENCES ? names[kind] : "unknown";
}
